"""Invitations: made by whoever manages members, accepted by whoever reads the mail of the invited address."""

from dataclasses import dataclass
from datetime import timedelta

import anyio

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.core.letters import Letters
from jinba_mcp.core.passwords import Passwords
from jinba_mcp.core.users import NewUser, Users
from jinba_mcp.domain import ids, tokens
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import Conflict, CountExceeded, InvitationMismatch, InvitationNotFound, NameTaken
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.invitations import LIFETIME, MAILING_S, MAX_PENDING, Invitation, Offer
from jinba_mcp.domain.members import MAX_MEMBERS, Membership, acting_role, check_grant
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.passwords import StoredPassword
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.users import User, folded
from jinba_mcp.domain.webhooks import member_added
from jinba_mcp.storage.store import Store

_MAILED_AT_ONCE = 8


@dataclass(frozen=True)
class Issued:
    """A new invitation; `token` is None when it is mailed, and otherwise seen this one time."""

    invitation: Invitation
    token: str | None


class Invitations:
    """One is open for an address in an organization; inviting again ends the one before."""

    def __init__(self, store: Store, clock: Clock, users: Users, passwords: Passwords, letters: Letters) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._passwords = passwords
        self._letters = letters

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[Invitation]:
        """The open invitations, newest first."""
        organization_id = caller.require(organization, Scope.ADMIN)
        async with self._store.read() as tx:
            return await tx.invitations.page(organization_id, self._clock(), request)

    async def create(self, caller: Caller, organization: str, offer: Offer) -> Issued:
        """Invite an address to a role below one's own, and have it mailed if the server can; good for 7 days.

        Raises:
            RoleTooLow: the role is not below one's own.
            NameTaken: there is a member of that address.
            CountExceeded: as many invitations are open as may be.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        token, now = tokens.new_token(), self._clock()
        invitation = Invitation(
            id=ids.invitation_id(now),
            organization_id=organization_id,
            email=offer.email,
            role=offer.role,
            invited_by=caller.user_id or caller.key_id or "operator",
            created_at=now,
            expires_at=now + LIFETIME,
        )
        is_mailed = self._letters.can_be_sent
        if is_mailed:
            invitation = invitation.to_mail(now)
        said = fact(
            caller,
            "invitation.created",
            invitation.id,
            organization_id=organization_id,
            at=now,
            after=_told(invitation),
        )
        async with self._store.begin() as tx:
            acting = acting_role(caller, await tx.members.role(organization_id, caller.user_id or UserId("")))
            check_grant(acting, offer.role)
            user = await tx.users.find_by_email(offer.email)
            if user is not None and await tx.members.role(organization_id, user.id) is not None:
                raise NameTaken("member", offer.email)
            await tx.invitations.add(invitation, tokens.digest(token))
            # With it among them: it may have taken the place of one for the same address.
            if await tx.invitations.count(organization_id, now) > MAX_PENDING:
                raise CountExceeded("This organization", "open invitations", MAX_PENDING)
            await tx.audit.add(said)
        return Issued(invitation, None if is_mailed else token)

    async def resend(self, caller: Caller, organization: str, invitation_id: str) -> Invitation:
        """Have an open invitation mailed once more, with a new token; the one before ends.

        Raises:
            InvitationNotFound: no such one is open here.
            Conflict: the server sends no mail.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        if not self._letters.can_be_sent:
            raise Conflict("This server sends no mail. Invite the address again for a link to hand over.")
        now = self._clock()
        async with self._store.begin() as tx:
            invitation = await tx.invitations.get(organization_id, invitation_id, now)
            waiting = invitation.to_mail(now)
            await tx.invitations.move(invitation, waiting)
            await tx.audit.add(
                fact(
                    caller, "invitation.resent", invitation.id, organization_id=organization_id, at=now,
                    after=_told(invitation),
                )
            )  # fmt: skip
        return waiting

    async def mail_due(self) -> list[Invitation]:
        """System's own: mail some of the invitations that wait for it; what became of them.

        Each mail has a token of its own, stored as a digest only, so that nothing secret waits in the database. Should
        this process die meanwhile, another one mails it after `MAILING_S`.
        """
        if not self._letters.can_be_sent:
            return []
        async with self._store.read() as tx:
            due = await tx.invitations.to_mail(self._clock(), _MAILED_AT_ONCE)
        done: list[Invitation] = []

        async def mail(invitation: Invitation) -> None:
            done.extend(await self._mail(invitation))

        async with anyio.create_task_group() as tasks:
            for invitation in due:
                tasks.start_soon(mail, invitation)
        return done

    async def withdraw(self, caller: Caller, organization: str, invitation_id: str) -> None:
        """Delete an open invitation; its token is worth nothing from now on.

        Raises:
            InvitationNotFound: no such one here.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        now = self._clock()
        async with self._store.begin() as tx:
            invitation = await tx.invitations.take(organization_id, invitation_id)
            if invitation is None:
                raise InvitationNotFound(invitation_id)
            await tx.audit.add(
                fact(
                    caller, "invitation.deleted", invitation.id, organization_id=organization_id, at=now,
                    before=_told(invitation),
                )
            )  # fmt: skip

    async def look(self, token: str) -> tuple[Invitation, Organization]:
        """System's own: what a token invites to, for whoever holds it.

        Raises:
            InvitationNotFound: accepted, withdrawn, expired or never made.
        """
        async with self._store.read() as tx:
            invitation = await tx.invitations.find_by_digest(tokens.digest(token), self._clock())
            organization = None if invitation is None else await tx.organizations.find(invitation.organization_id)
        if invitation is None or organization is None:
            raise InvitationNotFound
        return invitation, organization

    async def accept(self, caller: Caller, token: str) -> Organization:
        """Join as the user that the caller acts as, whose address must be the invited one.

        Raises:
            PersonalKeyNeeded: the caller acts as no user.
            InvitationMismatch: it is for another address.
            InvitationNotFound: it is not open.
            NameTaken: the user is a member already.
            CountExceeded: the organization has as many members as it may.
        """
        user_id = caller.require_user(Scope.ADMIN)
        caller.require_whole()
        async with self._store.read() as tx:
            user = await tx.users.get(user_id)
        invitation, organization = await self.look(token)
        if folded(user.email) != folded(invitation.email):
            raise InvitationMismatch
        await self._join(caller, user, token, hashed=None)
        return organization

    async def accept_new(self, token: str, name: str, password: str) -> tuple[User, Organization]:
        """System's own: make an account for the invited address, and join.

        Raises:
            SignUpClosed: only the operator makes accounts.
            NameTaken: the address has an account; its user accepts signed in.
            FieldsInvalid: the password cannot be used.
            InvitationNotFound: it is not open.
        """
        self._users.check_invited()
        invitation, organization = await self.look(token)
        wanted = NewUser(email=invitation.email, name=name, password=password)
        hashed, now = await self._passwords.prepared(password, name, wanted.email), self._clock()
        user = User(id=ids.user_id(now), email=wanted.email, name=name, created_at=now, verified_at=now)
        await self._join(None, user, token, hashed=hashed)
        return user, organization

    async def _mail(self, invitation: Invitation) -> list[Invitation]:
        token, now = tokens.new_token(), self._clock()
        claimed = invitation.to_mail(now + timedelta(seconds=MAILING_S))
        with anyio.CancelScope(shield=True):
            async with self._store.begin() as tx:
                is_mine = await tx.invitations.move(invitation, claimed, tokens.digest(token))
                organization = await tx.organizations.find(invitation.organization_id)
        if not is_mine or organization is None:
            return []
        mailed = claimed.mailed(await self._letters.invite(invitation, organization, token))
        with anyio.CancelScope(shield=True):
            async with self._store.begin() as tx:
                await tx.invitations.move(claimed, mailed)
        return [mailed]

    async def _join(self, caller: Caller | None, user: User, token: str, *, hashed: str | None) -> None:
        digest, now = tokens.digest(token), self._clock()
        async with self._store.begin() as tx:
            invitation = await tx.invitations.find_by_digest(digest, now)
            if invitation is None:
                raise InvitationNotFound
            organization_id = invitation.organization_id
            if await tx.members.count(organization_id) >= MAX_MEMBERS:
                raise CountExceeded("This organization", "members", MAX_MEMBERS)
            await tx.invitations.take(organization_id, invitation.id)
            if hashed is not None:
                await tx.users.add(user)
                await tx.passwords.save(StoredPassword(user_id=user.id, hash=hashed, changed_at=now))
                await tx.audit.add(
                    fact(None, "user.created", user.id, organization_id=None, at=now, after={"email": user.email})
                )
            await tx.members.add(Membership(organization_id=organization_id, user_id=user.id, role=invitation.role))
            await tx.deliveries.owe([member_added(organization_id, user.id, user.email, invitation.role, now)])
            await tx.audit.add(
                fact(
                    caller, "member.added", user.id, organization_id=organization_id, at=now,
                    after={**_told(invitation), "invitation": invitation.id},
                )
            )  # fmt: skip


def _told(invitation: Invitation) -> JsonObject:
    return {"email": invitation.email, "role": invitation.role.value}
