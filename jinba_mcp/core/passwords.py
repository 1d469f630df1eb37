"""Passwords: hashing, changing and resetting them. The one door to the library of hashes and authenticator codes."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync

from jinba_mcp import logs
from jinba_mcp.clock import Clock
from jinba_mcp.core.attempts import Attempts
from jinba_mcp.core.audit import fact
from jinba_mcp.core.letters import Letters
from jinba_mcp.domain import passwords, tokens
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    FieldsInvalid,
    JinbaError,
    LimitExceeded,
    PasswordWrong,
    ResetInvalid,
    Unavailable,
)
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.passwords import RESET_LIFETIME, StoredPassword
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.totp import ISSUER
from jinba_mcp.domain.users import User, folded
from jinba_mcp.storage.store import Store

T = TypeVar("T")
logger = logging.getLogger(__name__)

MEMORY_KIB = 19_456
ROUNDS = 2
"""With one lane, the first choice of OWASP's password storage cheat sheet for argon2id."""
AT_ONCE = 4
_PATIENCE_S = 20.0
_MAX_WANTED = 1_000


@dataclass(frozen=True)
class Verdict:
    """Whether it was the right password, and its new hash if the old one is weaker than what is made now."""

    is_right: bool
    newer: str | None = None


class Hasher:
    """argon2id, off the event loop and `at_once` at a time, since each takes a processor and its share of memory."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, rounds: int = ROUNDS, at_once: int = AT_ONCE) -> None:
        self._memory_kib = memory_kib
        self._rounds = rounds
        self._at_once = at_once

    async def hash(self, password: str) -> str:
        """System's own: the hash of a new password, with its salt and parameters.

        Raises:
            Unavailable: too many are waiting.
        """
        return await self._aside(lambda: str(self._argon2.hash(passwords.normalized(password))))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """System's own: compare with a stored hash; takes as long when there is none.

        Raises:
            Unavailable: too many are waiting.
        """
        return await self._aside(lambda: self._verdict(passwords.normalized(password), stored))

    def _verdict(self, password: str, stored: str | None) -> Verdict:
        # The library refuses to look at one that is much longer, and a normalized one may be 18 times what was typed.
        shown = password[: passwords.MAX_LENGTH]
        is_right = (
            bool(self._argon2.verify(shown, stored or self._nobodys)) and stored is not None and shown == password
        )
        if is_right and self._argon2.needs_update(stored):
            return Verdict(is_right=True, newer=str(self._argon2.hash(password)))
        return Verdict(is_right=is_right)

    async def _aside(self, work: Callable[[], T]) -> T:
        with anyio.move_on_after(_PATIENCE_S):
            return await run_sync(work, limiter=self._limiter)
        raise Unavailable("Too many people are signing in at once. Try again in a moment.")

    @cached_property
    def _limiter(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(self._at_once)

    @cached_property
    def _argon2(self) -> Any:
        from passlib.hash import argon2  # noqa: PLC0415  takes a while to load, and most commands never need it

        return argon2.using(type="ID", memory_cost=self._memory_kib, time_cost=self._rounds, parallelism=1)

    @property
    def _nobodys(self) -> str:
        """A hash of the same cost that no password has."""
        return f"$argon2id$v=19$m={self._memory_kib},t={self._rounds},p=1${'A' * 22}${'A' * 43}"


def new_totp_key() -> str:
    """A fresh secret for an authenticator: 160 bits in base32."""
    return str(_totp().new().base32_key)


def totp_uri(key: str, email: str) -> str:
    """What authenticators scan."""
    return str(_totp()(key).to_uri(label=email.replace(":", ""), issuer=ISSUER))


def totp_counter(key: str, code: str, at: datetime, last_counter: int) -> int | None:
    """The period whose code this is: the one of `at`, one earlier or one later, and after `last_counter`."""
    from passlib.exc import TokenError  # noqa: PLC0415  as above

    try:
        return int(_totp()(key).match(code, at, last_counter=last_counter).counter)
    except TokenError:
        return None


def totp_code(key: str, at: datetime) -> str:
    """The code that an authenticator shows at that time."""
    return str(_totp()(key).generate(at).token)


def _totp() -> Any:
    from passlib.totp import TOTP  # noqa: PLC0415  as above

    return TOTP


class Passwords:
    """Setting a password ends the user's other sessions, for whoever had the old one may have opened them."""

    def __init__(self, store: Store, clock: Clock, hasher: Hasher, attempts: Attempts, letters: Letters) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._letters = letters
        self._wanted: deque[str] = deque()

    async def prepared(self, password: str, *own: str) -> str:
        """System's own: the hash of a new password for someone whose name and address are `own`.

        Raises:
            FieldsInvalid: it is too short, too long or too easy to guess.
        """
        fault = passwords.fault(password, *own)
        if fault is not None:
            described: JsonObject = {"pointer": "/password", "detail": fault}
            raise FieldsInvalid([described])
        return await self._hasher.hash(password)

    async def is_right(self, password: str, hashed: str) -> bool:
        """System's own: whether it is the password of that hash.

        Raises:
            Unavailable: too many are waiting.
        """
        return (await self._hasher.verify(password, hashed)).is_right

    async def confirm(self, caller: Caller, password: str) -> User:
        """The signed-in user, who has shown to know the password.

        Raises:
            SessionNeeded: the caller is a key.
            PasswordWrong: it is another one.
            LimitExceeded: too many attempts.
        """
        user_id = caller.require_session()
        user, _ = await self._confirmed(user_id, password)
        return user

    async def change(self, caller: Caller, current: str, new: str) -> None:
        """Set a new password; the user's other sessions end.

        Raises:
            PasswordWrong: `current` is another one, or has become one meanwhile.
            FieldsInvalid: `new` cannot be used.
        """
        user_id = caller.require_session()
        user, stored = await self._confirmed(user_id, current)
        hashed, now = await self.prepared(new, user.name, user.email), self._clock()
        said = fact(caller, "password.changed", user.id, organization_id=None, at=now)
        async with self._store.begin() as tx:
            if await tx.passwords.find(user.id) != stored:
                raise PasswordWrong
            await tx.passwords.save(StoredPassword(user_id=user.id, hash=hashed, changed_at=now))
            await tx.sessions.remove_all(user.id, but=caller.session_id)
            await tx.audit.add(said)

    async def want_reset(self, email: str, address: str | None) -> None:
        """System's own: have a token mailed, if there is such a user; the answer and its time are the same if not.

        Raises:
            LimitExceeded: too many were asked for.
        """
        self._attempts.take(f"reset {folded(email)}", address)
        if len(self._wanted) >= _MAX_WANTED:
            raise LimitExceeded("Too many people want a new password at once. Try again in a minute.", retryAfter=60)
        self._wanted.append(email)

    async def mail_resets(self) -> None:
        """System's own: mail the tokens that were asked for since the last time."""
        while self._wanted:
            try:
                await self._mail_reset(self._wanted.popleft())
            except JinbaError as error:
                logger.warning("a reset was not mailed: %s", error.message, extra={"event": "mail.failed"})

    async def issue_reset(self, caller: Caller, email: str) -> str:
        """A token that sets this user's password, for the operator to hand over; earlier ones end.

        Raises:
            UserNotFound: nobody has that address.
        """
        caller.require_operator()
        async with self._store.read() as tx:
            user = await tx.users.get_by_email(email)
        return await self._issue(caller, user)

    async def reset(self, token: str, new: str) -> None:
        """System's own: set a new password with a mailed or printed token; all of the user's sessions end.

        Whoever holds it has the user's mail. If the address was never proved before, someone else may have signed up
        with it, so personal keys and the second factor go as well.

        Raises:
            ResetInvalid: the token is unknown, used or expired.
            FieldsInvalid: the password cannot be used.
        """
        digest, now = tokens.digest(token), self._clock()
        async with self._store.read() as tx:
            user_id = await tx.passwords.find_reset(digest, now)
            user = None if user_id is None else await tx.users.find(user_id)
        if user is None:
            raise ResetInvalid
        hashed = await self.prepared(new, user.name, user.email)
        takes_over = user.verified_at is None
        said = fact(None, "password.reset", user.id, organization_id=None, at=now, after={"takesOver": takes_over})
        async with self._store.begin() as tx:
            if await tx.passwords.find_reset(digest, now) != user.id:
                raise ResetInvalid
            await tx.passwords.save(StoredPassword(user_id=user.id, hash=hashed, changed_at=now))
            await tx.sessions.remove_all(user.id)
            if takes_over:
                await tx.keys.revoke_all_of(user.id, now)
                await tx.totp.remove(user.id)
                await tx.users.save(user.model_copy(update={"verified_at": now}))
            await tx.audit.add(said)

    async def _confirmed(self, user_id: UserId, password: str) -> tuple[User, StoredPassword]:
        async with self._store.read() as tx:
            user, stored = await tx.users.get(user_id), await tx.passwords.find(user_id)
            totp = await tx.totp.find(user_id)
        self._attempts.take(folded(user.email), logs.client_address.get())
        verdict = await self._hasher.verify(password, None if stored is None else stored.hash)
        if stored is None or not verdict.is_right:
            raise PasswordWrong
        # With a second factor the password is half of what is to be known, and must not buy more guesses at a code.
        if totp is None or totp.confirmed_at is None:
            self._attempts.forgive(folded(user.email))
        return user, stored

    async def _mail_reset(self, email: str) -> None:
        async with self._store.read() as tx:
            user = await tx.users.find_by_email(email)
        if user is not None and self._letters.can_be_sent:
            await self._letters.reset(user, await self._issue(None, user))

    async def _issue(self, caller: Caller | None, user: User) -> str:
        token, now = tokens.new_token(), self._clock()
        said = fact(caller, "password.reset_issued", user.id, organization_id=None, at=now)
        async with self._store.begin() as tx:
            await tx.passwords.add_reset(user.id, tokens.digest(token), now + RESET_LIFETIME)
            await tx.audit.add(said)
        return token
