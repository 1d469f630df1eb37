"""Sessions: signing in and out, and who is behind a cookie."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from jinba_mcp.clock import Clock
from jinba_mcp.core import grants
from jinba_mcp.core.attempts import Attempts
from jinba_mcp.core.audit import fact
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.core.passwords import Hasher
from jinba_mcp.core.totp import SecondFactors
from jinba_mcp.domain import ids, tokens
from jinba_mcp.domain.caller import Caller, CallerKind
from jinba_mcp.domain.errors import SessionNotFound, SessionUnknown, SignInFailed, TotpNeeded
from jinba_mcp.domain.ids import SessionId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import ALL_SCOPES
from jinba_mcp.domain.sessions import MAX_CLIENT_LENGTH, Session
from jinba_mcp.domain.totp import Proof
from jinba_mcp.domain.users import User, folded
from jinba_mcp.storage.store import Store

_USE_RECORDED_EVERY = timedelta(minutes=1)
_USES_REMEMBERED = 100_000


@dataclass(frozen=True)
class Credentials:
    """What someone signs in with; `code` only if they have a second factor."""

    email: str
    password: str
    code: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a sign-in comes from."""

    client: str
    address: str | None


@dataclass(frozen=True)
class SignedIn:
    """A new session with its token: the only moment that the token is seen."""

    session: Session
    user: User
    token: str
    has_second_factor: bool


@dataclass(frozen=True)
class _Known:
    session: Session
    caller: Caller


class Sessions:
    """A session is its user: the user's role in each organization, from the next request on after any change."""

    def __init__(self, store: Store, clock: Clock, hasher: Hasher, attempts: Attempts, factors: SecondFactors) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._factors = factors
        self._known: GenerationCache[str, _Known] = GenerationCache(store, max_entries=100_000)
        self._used: OrderedDict[SessionId, datetime] = OrderedDict()

    async def sign_in(self, given: Credentials, origin: Origin) -> SignedIn:
        """System's own: open a session. An unknown address takes as long and looks the same as a wrong password.

        Raises:
            SignInFailed: address, password or code is wrong.
            TotpNeeded: they are right, and a code is needed.
            LimitExceeded: too many attempts at this account or from this address.
        """
        self._attempts.take(folded(given.email), origin.address)
        async with self._store.read() as tx:
            user = await tx.users.find_by_email(given.email)
            stored = None if user is None else await tx.passwords.find(user.id)
            totp = None if user is None else await tx.totp.find(user.id)
        verdict = await self._hasher.verify(given.password, None if stored is None else stored.hash)
        if user is None or stored is None or not verdict.is_right:
            raise SignInFailed
        proof: Proof | None = None
        if totp is not None and totp.confirmed_at is not None:
            if given.code is None:
                raise TotpNeeded
            proof = self._factors.proof(totp, given.code)
        now, token = self._clock(), tokens.new_token()
        session = Session(
            id=ids.session_id(now),
            user_id=user.id,
            client=origin.client[:MAX_CLIENT_LENGTH],
            address=origin.address,
            created_at=now,
            last_used_at=now,
        )
        said = fact(_caller(session), "session.started", session.id, organization_id=None, at=now)
        async with self._store.begin() as tx:
            if await tx.passwords.find(user.id) != stored:
                raise SignInFailed
            if proof is not None and not await tx.totp.take(user.id, proof):
                raise SignInFailed
            if verdict.newer is not None:
                await tx.passwords.rehash(stored, verdict.newer)
            await tx.sessions.add(session, tokens.digest(token))
            await tx.audit.add(said)
        self._attempts.forgive(folded(given.email))
        return SignedIn(session, user, token, has_second_factor=proof is not None)

    async def authenticate(self, token: str) -> Caller:
        """System's own: the caller behind a session's token; also notes, at most once a minute, that it was used.

        Raises:
            SessionUnknown: no such session, ended or expired.
        """
        if not tokens.is_well_formed(token):
            raise SessionUnknown
        digest, now = tokens.digest(token), self._clock()
        found = await self._known.get(digest, lambda: self._load(digest))
        if found is not None and found.session.has_expired(now):
            # Another process may have noted a use since this one looked.
            found = await self._load(digest)
        if found is None or found.session.has_expired(now):
            raise SessionUnknown
        await self._note_use(found.session, now)
        return found.caller

    async def current(self, caller: Caller) -> tuple[Session, User]:
        """The session of this request, and whose it is.

        Raises:
            SessionNeeded: the caller is a key.
        """
        user_id = caller.require_session()
        async with self._store.read() as tx:
            sessions = await tx.sessions.find(user_id, caller.session_id or "")
            user = await tx.users.find(user_id)
        if sessions is None or user is None:
            raise SessionUnknown
        return sessions, user

    async def page(self, caller: Caller, request: PageRequest) -> Page[Session]:
        """The signed-in user's sessions, newest first.

        Raises:
            SessionNeeded: the caller is a key.
        """
        user_id = caller.require_session()
        async with self._store.read() as tx:
            return await tx.sessions.page(user_id, self._clock(), request)

    async def end(self, caller: Caller, session_id: str) -> None:
        """End one of the signed-in user's sessions, this one or another; the next request with it is refused.

        Raises:
            SessionNotFound: there is none of that id.
        """
        user_id = caller.require_session()
        said = fact(caller, "session.ended", session_id[:200] or "-", organization_id=None, at=self._clock())
        async with self._store.begin() as tx:
            if not await tx.sessions.remove(user_id, session_id):
                raise SessionNotFound(session_id)
            await tx.audit.add(said)

    async def sign_out(self, caller: Caller) -> None:
        """End the session of this request."""
        caller.require_session()
        await self.end(caller, caller.session_id or "")

    async def _load(self, digest: str) -> _Known | None:
        async with self._store.read() as tx:
            session = await tx.sessions.find_by_digest(digest)
            if session is None:
                return None
            held = await grants.of_user(tx, session.user_id, ALL_SCOPES)
        return _Known(session, _caller(session).model_copy(update={"grants": held}))

    async def _note_use(self, session: Session, now: datetime) -> None:
        last = self._used.get(session.id, session.last_used_at)
        if now - last < _USE_RECORDED_EVERY:
            return
        self._used[session.id] = now
        if len(self._used) > _USES_REMEMBERED:
            self._used.popitem(last=False)
        async with self._store.begin() as tx:
            await tx.sessions.touch_last_used(session.id, now)


def _caller(session: Session) -> Caller:
    return Caller(kind=CallerKind.SESSION, grants=(), user_id=session.user_id, session_id=session.id, held=ALL_SCOPES)
