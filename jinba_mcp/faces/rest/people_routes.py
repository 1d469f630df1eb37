"""The part of the URL table that is about people: signing in, users, members, invitations, and their organizations."""

from jinba_mcp.domain.errors import Conflict, Forbidden, LimitExceeded, NotFound, Unauthenticated, Unavailable
from jinba_mcp.faces.rest import invitations, me, members, organizations, passwords, sessions, totp, users
from jinba_mcp.faces.rest.member_schemas import (
    AcceptanceIn,
    InvitationIn,
    InvitationOut,
    InvitationPage,
    IssuedInvitationOut,
    MemberOut,
    MemberPage,
    OfferOut,
    RoleIn,
)
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.organization_schemas import DeletionQuery, OrganizationIn, OrganizationPatchIn
from jinba_mcp.faces.rest.schemas import OrganizationOut
from jinba_mcp.faces.rest.user_schemas import (
    ConfirmationIn,
    NewTotpOut,
    PasswordChangeIn,
    PasswordConfirmationIn,
    RecoveryCodesOut,
    ResetIn,
    ResetWantedIn,
    SessionPage,
    SignedInOut,
    SignInIn,
    SignUpIn,
    TotpConfirmationIn,
    TotpRemovalIn,
    UserOut,
    UserPatchIn,
)
from jinba_mcp.faces.rest.wire import PageQuery

_ORG = "/v1/orgs/{org}"
_MEMBER = _ORG + "/members/{userId}"
_INVITATION = "/v1/invitations/{token}"
_AUTH = "/v1/auth"
_TOTP = _AUTH + "/totp"

_ADMIN, _ADMIN_OR_SELF, _INVITED, _NONE = Access.ADMIN, Access.ADMIN_OR_SELF, Access.INVITED, Access.NONE
_OWNER, _READ, _SESSION, _USER_ADMIN = Access.OWNER, Access.READ, Access.SESSION, Access.USER_ADMIN

_SIGN_UP = (
    "Where the operator lets anyone (`JINBA_SIGN_UP`). A server that sends mail answers 202 without a body, whether or "
    "not the address has an account, and mails a token, good for a day, with which the account is made."
)
_SIGN_IN = (
    "Answers with a cookie that is the session; it lives 14 days without use and 90 days at most. With a second factor "
    "`code` is needed as well. Attempts are slowed down by account and by address."
)
_SIGN_IN_ERRORS = (Forbidden, LimitExceeded, Unauthenticated, Unavailable)
_PASSWORD_ERRORS = (LimitExceeded, Unavailable)
_DELETE = (
    "Without its slug as `confirm` nothing happens, and the conflict says what would go: ToolSets, versions, "
    "variables, keys, members, invitations, webhooks, deliveries, runs and the ledger of credits. It is gone at once "
    "for everyone; its records are deleted in the background. Nobody gets its slugs after it. The audit log stays."
)
_RENAME = "URLs with a slug that it had before go on working, and nobody else gets that slug."
_ROLE = "Roles are given and changed below one's own only. `owner` is given by the owner, who becomes an admin."
_INVITE = (
    "Good once, for 7 days, for this address only; inviting again ends the one before. A server that can send mail "
    "does so in a moment, and `mail` says what came of it; otherwise `link` is in this answer, and in no other."
)
_ACCEPT = "As the user who is signed in (or whose personal key it is), or as a new user with a name and a password."

PEOPLE: tuple[Operation, ...] = (
    Operation("POST", _AUTH + "/sign-up", users.sign_up, "Sign up", "auth", _NONE, UserOut,
              _SIGN_UP, body=SignUpIn, status=201, or_accepted=True,
              errors=(Conflict, Forbidden, *_PASSWORD_ERRORS)),
    Operation("POST", _AUTH + "/sign-up/confirm", users.confirm, "Confirm a new account", "auth", _NONE, UserOut,
              "With the mailed token, which is good once, and the password that was chosen.", body=ConfirmationIn,
              status=201, errors=(Conflict, *_PASSWORD_ERRORS)),
    Operation("POST", _AUTH + "/sign-in", sessions.sign_in, "Sign in", "auth", _NONE, SignedInOut, _SIGN_IN,
              body=SignInIn, errors=_SIGN_IN_ERRORS),
    Operation("POST", _AUTH + "/sign-out", sessions.sign_out, "Sign out", "auth", _SESSION, None, status=204),
    Operation("GET", _AUTH + "/session", sessions.show, "The session of this browser", "auth", _SESSION, SignedInOut),
    Operation("GET", _AUTH + "/sessions", sessions.page, "List my sessions", "auth", _SESSION, SessionPage,
              query=PageQuery),
    Operation("DELETE", _AUTH + "/sessions/{sessionId}", sessions.end, "End one of my sessions", "auth", _SESSION, None,
              status=204),
    Operation("POST", _AUTH + "/password", passwords.change, "Change my password", "auth", _SESSION, None,
              "Ends my other sessions.", body=PasswordChangeIn, status=204, errors=_PASSWORD_ERRORS),
    Operation("POST", _AUTH + "/password/reset-token", passwords.want_reset, "Have a token for a new password mailed",
              "auth", _NONE, None, "The answer is the same for addresses without an account.", body=ResetWantedIn,
              status=204, errors=(LimitExceeded,)),
    Operation("POST", _AUTH + "/password/reset", passwords.reset, "Set a new password with a token", "auth", _NONE,
              None, "The token is good once, for an hour. Ends all of the user's sessions.", body=ResetIn, status=204,
              errors=_PASSWORD_ERRORS),
    Operation("POST", _TOTP, totp.begin, "Set up a second factor", "auth", _SESSION, NewTotpOut,
              "It counts once its first code is confirmed.", body=PasswordConfirmationIn, status=201,
              errors=(Conflict, *_PASSWORD_ERRORS)),
    Operation("POST", _TOTP + "/confirm", totp.confirm, "Confirm the second factor", "auth", _SESSION,
              RecoveryCodesOut, "The recovery codes are in this answer only.", body=TotpConfirmationIn,
              errors=(Conflict, LimitExceeded)),
    Operation("POST", _TOTP + "/remove", totp.remove, "Remove the second factor", "auth", _SESSION, None,
              body=TotpRemovalIn, status=204, errors=(Conflict, *_PASSWORD_ERRORS)),
    Operation("PATCH", "/v1/me", me.rename, "Change my name", "me", _USER_ADMIN, UserOut, body=UserPatchIn),
    Operation("POST", "/v1/orgs", organizations.create, "Create an organization", "organizations", _USER_ADMIN,
              OrganizationOut, "Its creator is its owner.", body=OrganizationIn, status=201, errors=(Conflict,)),
    Operation("PATCH", _ORG, organizations.change, "Change an organization", "organizations", _ADMIN, OrganizationOut,
              _RENAME, body=OrganizationPatchIn, errors=(Conflict,)),
    Operation("DELETE", _ORG, organizations.delete, "Delete an organization", "organizations", _OWNER, None, _DELETE,
              query=DeletionQuery, status=204, errors=(Conflict,)),
    Operation("GET", _ORG + "/members", members.page, "List members", "members", _READ, MemberPage, query=PageQuery),
    Operation("PATCH", _MEMBER, members.set_role, "Change a member's role", "members", _ADMIN, MemberOut, _ROLE,
              body=RoleIn, errors=(Conflict,)),
    Operation("DELETE", _MEMBER, members.remove, "Remove a member, or leave", "members", _ADMIN_OR_SELF, None,
              "The owner stays until someone else is the owner.", status=204, errors=(Conflict,)),
    Operation("GET", _ORG + "/invitations", invitations.page, "List open invitations", "invitations", _ADMIN,
              InvitationPage, query=PageQuery),
    Operation("POST", _ORG + "/invitations", invitations.create, "Invite someone", "invitations", _ADMIN,
              IssuedInvitationOut, _INVITE, body=InvitationIn, status=201, errors=(Conflict,)),
    Operation("POST", _ORG + "/invitations/{invitationId}/resend", invitations.resend, "Mail an invitation again",
              "invitations", _ADMIN, InvitationOut, "With a new link; the one before ends.", errors=(Conflict,)),
    Operation("DELETE", _ORG + "/invitations/{invitationId}", invitations.withdraw, "Withdraw an invitation",
              "invitations", _ADMIN, None, status=204),
    Operation("GET", _INVITATION, invitations.show, "Look at an invitation", "invitations", _NONE, OfferOut,
              errors=(NotFound,)),
    Operation("POST", _INVITATION + "/accept", invitations.accept, "Accept an invitation", "invitations", _INVITED,
              OrganizationOut, _ACCEPT, body=AcceptanceIn, errors=(Conflict, *_PASSWORD_ERRORS)),
)  # fmt: skip
