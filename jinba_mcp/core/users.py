"""Users: signing up, what they are called, and the operator's list of them."""

from collections import deque
from datetime import datetime
from enum import StrEnum

from jinba_mcp.clock import Clock
from jinba_mcp.core.attempts import Attempts
from jinba_mcp.core.audit import fact
from jinba_mcp.core.letters import Letters
from jinba_mcp.core.passwords import Passwords
from jinba_mcp.domain import ids, tokens
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    ConfirmationInvalid,
    LimitExceeded,
    OrganizationNotFound,
    OwnerMustStay,
    SignUpClosed,
)
from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.passwords import PasswordText, StoredPassword
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.users import CONFIRMABLE_FOR, Email, PendingAccount, PersonName, User, folded
from jinba_mcp.domain.webhooks import member_added, member_removed
from jinba_mcp.storage.store import Store

_MAX_WAITING = 1_000


class SignUp(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    """Anyone."""
    INVITATION = "invitation"
    """Whoever holds an invitation."""
    OFF = "off"
    """Nobody: the operator makes them."""


class NewUser(Record):
    """What an account is made with; without a password nobody can sign in to it until one is set by a token."""

    email: Email
    name: PersonName
    password: PasswordText | None = None


class Users:
    """An address belongs to one user, whatever its case."""

    def __init__(  # noqa: PLR0913, PLR0917  what people come in by
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        attempts: Attempts,
        letters: Letters,
        sign_up: SignUp,
    ) -> None:
        self._store = store
        self._letters = letters
        self._to_confirm: deque[tuple[str, str]] = deque()
        """Addresses and tokens; whoever is in it when the process ends signs up again."""
        self._clock = clock
        self._passwords = passwords
        self._attempts = attempts
        self._sign_up = sign_up

    async def sign_up(self, wanted: NewUser, address: str | None) -> User | None:
        """System's own: an account for whoever asks, where that is open to anyone.

        None where mail can be sent: then it is made once a mailed token confirms it, and neither the answer nor its
        time tell whether the e-mail address has an account.

        Raises:
            SignUpClosed: it is not.
            NameTaken: the e-mail address has an account.
            FieldsInvalid: the password cannot be used.
            LimitExceeded: too many from this address, or for this e-mail address.
        """
        if self._sign_up is not SignUp.OPEN:
            by_invitation = "Ask for an invitation." if self._sign_up is SignUp.INVITATION else "Ask the operator."
            raise SignUpClosed(f"Nobody signs up here without being asked. {by_invitation}")
        self._attempts.take(f"sign-up {folded(wanted.email)}" if self._letters.can_be_sent else None, address)
        hashed = await self._passwords.prepared(wanted.password or "", wanted.name, wanted.email)
        now = self._clock()
        if self._letters.can_be_sent:
            await self._ask_to_confirm(wanted, hashed, now)
            return None
        user = User(id=ids.user_id(now), email=wanted.email, name=wanted.name, created_at=now)
        said = fact(None, "user.created", user.id, organization_id=None, at=now, after={"email": user.email})
        async with self._store.begin() as tx:
            await tx.users.add(user)
            await tx.passwords.save(StoredPassword(user_id=user.id, hash=hashed, changed_at=now))
            await tx.audit.add(said)
        return user

    async def confirm(self, token: str, password: str, address: str | None) -> User:
        """System's own: make the account that a mailed token is for. Only who chose its password can.

        So nobody comes to confirm an account that someone else, who knows its password, asked for.

        Raises:
            ConfirmationInvalid: the token is used, expired or none, or it is another password.
            NameTaken: the address has got an account meanwhile.
            LimitExceeded: too many attempts from this address.
        """
        self._attempts.take(None, address)
        digest, now = tokens.digest(token), self._clock()
        async with self._store.read() as tx:
            account = await tx.users.find_pending(digest, now)
        if account is None or not await self._passwords.is_right(password, account.password_hash):
            raise ConfirmationInvalid
        user = User(id=ids.user_id(now), email=account.email, name=account.name, created_at=now, verified_at=now)
        said = fact(None, "user.created", user.id, organization_id=None, at=now, after={"email": user.email})
        async with self._store.begin() as tx:
            await tx.users.add(user)
            await tx.users.forget_pending(user.email)
            await tx.passwords.save(StoredPassword(user_id=user.id, hash=account.password_hash, changed_at=now))
            await tx.audit.add(said)
        return user

    async def mail_confirmations(self) -> None:
        """System's own: mail the tokens of those who signed up since the last time."""
        while self._to_confirm:
            email, token = self._to_confirm.popleft()
            async with self._store.read() as tx:
                user = await tx.users.find_by_email(email)
            await (self._letters.confirm(email, token) if user is None else self._letters.known(user))

    async def _ask_to_confirm(self, wanted: NewUser, hashed: str, now: datetime) -> None:
        if len(self._to_confirm) >= _MAX_WAITING:
            raise LimitExceeded("Too many people sign up at once. Try again in a minute.", retryAfter=60)
        token = tokens.new_token()
        account = PendingAccount(
            email=wanted.email, name=wanted.name, password_hash=hashed, expires_at=now + CONFIRMABLE_FOR
        )
        async with self._store.begin() as tx:
            await tx.users.add_pending(account, tokens.digest(token), now)
        self._to_confirm.append((wanted.email, token))

    def check_invited(self) -> None:
        """Raises: SignUpClosed: not even an invitation makes an account."""
        if self._sign_up is SignUp.OFF:
            raise SignUpClosed("Accounts are made by the operator here. Ask for one, then accept the invitation.")

    async def me(self, caller: Caller) -> User | None:
        """System's own: the user that the caller acts as; None for an organization key and the operator."""
        if caller.user_id is None:
            return None
        async with self._store.read() as tx:
            return await tx.users.find(caller.user_id)

    async def rename(self, caller: Caller, name: str) -> User:
        """Change what the caller's own user is called.

        Raises:
            PersonalKeyNeeded: the caller acts as no user.
            ScopeMissing: its key was not given `admin`.
        """
        user_id = caller.require_user(Scope.ADMIN)
        now = self._clock()
        async with self._store.begin() as tx:
            user = await tx.users.get(user_id)
            renamed = user.model_copy(update={"name": name})
            await tx.users.save(renamed)
            await tx.audit.add(
                fact(
                    caller, "user.changed", user.id, organization_id=None, at=now,
                    before={"name": user.name}, after={"name": name},
                )
            )  # fmt: skip
        return renamed

    async def page(self, caller: Caller, request: PageRequest) -> Page[User]:
        """All users, oldest first, for the operator."""
        caller.require_operator()
        async with self._store.read() as tx:
            return await tx.users.page(request)

    async def add(
        self, caller: Caller, wanted: NewUser, organization: str | None = None, role: Role | None = None
    ) -> User:
        """Make a user whose address the operator vouches for, and a member of an organization if one is named.

        Raises:
            NameTaken: the address has an account, or the organization an owner.
            FieldsInvalid: the password cannot be used.
            OrganizationNotFound: there is none of that name.
        """
        caller.require_operator()
        now = self._clock()
        hashed = None
        if wanted.password is not None:
            hashed = await self._passwords.prepared(wanted.password, wanted.name, wanted.email)
        user = User(id=ids.user_id(now), email=wanted.email, name=wanted.name, created_at=now, verified_at=now)
        async with self._store.begin() as tx:
            await tx.users.add(user)
            await tx.audit.add(
                fact(caller, "user.created", user.id, organization_id=None, at=now, after={"email": user.email})
            )
            if hashed is not None:
                await tx.passwords.save(StoredPassword(user_id=user.id, hash=hashed, changed_at=now))
            if organization is not None:
                found = await tx.organizations.find(organization)
                if found is None:
                    raise OrganizationNotFound(organization)
                given = role or Role.MEMBER
                await tx.members.add(Membership(organization_id=found.id, user_id=user.id, role=given))
                await tx.deliveries.owe([member_added(found.id, user.id, user.email, given, now)])
                await tx.audit.add(
                    fact(
                        caller, "member.added", user.id, organization_id=found.id, at=now,
                        after={"email": user.email, "role": given.value},
                    )
                )  # fmt: skip
        return user

    async def remove(self, caller: Caller, email: str) -> User:
        """Delete a user with memberships, sessions and personal keys, which stop at once. Runs and audit entries stay.

        Raises:
            UserNotFound: nobody has that address.
            OwnerMustStay: the user owns an organization.
        """
        caller.require_operator()
        now = self._clock()
        async with self._store.begin() as tx:
            user = await tx.users.get_by_email(email)
            memberships = await tx.members.of_user(user.id)
            if any(membership.role is Role.OWNER for membership in memberships):
                raise OwnerMustStay
            for membership in memberships:
                await tx.audit.add(
                    fact(
                        caller, "member.removed", user.id, organization_id=membership.organization_id, at=now,
                        before={"email": user.email, "role": membership.role.value},
                    )
                )  # fmt: skip
            await tx.users.remove(user.id)
            await tx.deliveries.owe([member_removed(each.organization_id, user.id, now) for each in memberships])
            await tx.audit.add(
                fact(caller, "user.removed", user.id, organization_id=None, at=now, before={"email": user.email})
            )
        return user
