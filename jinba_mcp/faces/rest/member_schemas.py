"""The wire forms of members and invitations."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.invitations import Invitation, MailState
from jinba_mcp.domain.members import Member
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.scopes import Role
from jinba_mcp.faces.rest.user_schemas import EmailIn, NameIn, NewPasswordIn
from jinba_mcp.faces.rest.wire import In, Instant, Out, PageOut


class MemberOut(Out):
    """A user as the organization sees them."""

    user_id: str
    email: str
    name: str
    role: Role


class MemberPage(PageOut[MemberOut]):
    """Members; those who have an account for longer come first."""


class RoleIn(In):
    """The role to have; `owner` transfers the ownership."""

    role: Role


class InvitationIn(In):
    """Whom to invite, and as what."""

    email: EmailIn
    role: Role = Role.MEMBER


class InvitationOut(Out):
    """An open invitation without its token."""

    id: str
    organization_id: str
    email: str
    role: Role
    invited_by: str
    created_at: Instant
    expires_at: Instant
    mail: Annotated[
        MailState | None, Field(description="What became of the mail; null when the link is handed over instead.")
    ]
    mail_error: Annotated[str | None, Field(description="Why it could not be sent; it can be sent again.")]


class IssuedInvitationOut(InvitationOut):
    """A new invitation."""

    link: Annotated[
        str | None, Field(description="To be handed over, this one time; null when it is mailed to the address.")
    ]


class InvitationPage(PageOut[InvitationOut]):
    """Open invitations, newest first."""


class OfferOut(Out):
    """What an invitation is to, for whoever holds its token."""

    organization: str
    organization_name: str
    email: str
    role: Role
    expires_at: Instant


class AcceptanceIn(In):
    """A name and a password make an account for the invited address; without, the signed-in user joins."""

    name: NameIn | None = None
    password: NewPasswordIn | None = None


def member_out(record: Member) -> MemberOut:
    return MemberOut(user_id=record.user.id, email=record.user.email, name=record.user.name, role=record.role)


def invitation_out(record: Invitation) -> InvitationOut:
    return InvitationOut(**record.model_dump(exclude={"mail_due_at"}))


def issued_invitation_out(record: Invitation, link: str | None) -> IssuedInvitationOut:
    return IssuedInvitationOut(**record.model_dump(exclude={"mail_due_at"}), link=link)


def offer_out(record: Invitation, organization: Organization) -> OfferOut:
    return OfferOut(
        organization=organization.slug,
        organization_name=organization.name,
        email=record.email,
        role=record.role,
        expires_at=record.expires_at,
    )
