"""The two clients: `AsyncJinba` talks to the server, and `Jinba` has one do so on a thread of its own."""

import os
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from jinba_mcp.client import me, runs
from jinba_mcp.client.audit import AsyncAudit, Audit
from jinba_mcp.client.calls import Call
from jinba_mcp.client.credits import AsyncCredits, Credits
from jinba_mcp.client.env import AsyncEnv, Env
from jinba_mcp.client.explore import AsyncExplore, Explore
from jinba_mcp.client.invitations import AsyncInvitations, Invitations
from jinba_mcp.client.keys import AsyncKeys, AsyncPersonalKeys, Keys, PersonalKeys
from jinba_mcp.client.members import AsyncMembers, Members
from jinba_mcp.client.organizations import AsyncOrganizations, Organizations
from jinba_mcp.client.retries import Retries
from jinba_mcp.client.runs import AsyncRuns, Runs
from jinba_mcp.client.tools import AsyncTools, Tools
from jinba_mcp.client.toolsets import AsyncToolSets, ToolSets
from jinba_mcp.client.versions import AsyncVersions, Versions
from jinba_mcp.client.waiting import Later, Now
from jinba_mcp.client.webhooks import AsyncWebhooks, Webhooks

if TYPE_CHECKING:
    # What does the talking takes a third of a second to load, so it is loaded when a client is opened.
    import httpx2
    from anyio.from_thread import BlockingPortal

    from jinba_mcp.client.exchange import Exchange

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8700"
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_RESPONSE_BYTES = 64 * 1024 * 1024
USER_AGENT = "jinba-mcp-client"

_ONCE = "a client is opened once, with 'with' or 'async with', and used inside"


class AsyncJinba:
    """A client for programs on an event loop (asyncio or trio): `async with AsyncJinba(…) as jinba`.

    `url` and `api_key` are `JINBA_URL` and `JINBA_API_KEY` of the environment if not given. Every call ends within
    `timeout_s`, repeats included. Calls may be made at the same time. Runs are recorded with `user_agent` as what
    called them.

    Raises:
        ValueError: `url` or `api_key` cannot be one; the message does not hold the key.
    """

    def __init__(  # noqa: PLR0913  all have a default
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        organization: str = "default",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
        max_response_bytes: int = DEFAULT_RESPONSE_BYTES,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.url = checked_url(url or os.environ.get("JINBA_URL") or DEFAULT_URL)
        self.organization = organization
        self._headers = _headers(os.environ.get("JINBA_API_KEY") if api_key is None else api_key, user_agent)
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._max_response_bytes = max_response_bytes
        self._transport = transport
        self._exchange: Exchange | None = None
        self.toolsets = AsyncToolSets(self)
        self.tools = AsyncTools(self)
        self.versions = AsyncVersions(self)
        self.env = AsyncEnv(self)
        self.keys = AsyncKeys(self)
        self.personal_keys = AsyncPersonalKeys(self)
        self.runs = AsyncRuns(self)
        self.organizations = AsyncOrganizations(self)
        self.members = AsyncMembers(self)
        self.invitations = AsyncInvitations(self)
        self.webhooks = AsyncWebhooks(self)
        self.credits = AsyncCredits(self)
        self.audit = AsyncAudit(self)
        self.explore = AsyncExplore(self)

    run = Later(runs.run)
    rename_me = Later(me.rename)
    me = Later(me.show)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, organization={self.organization!r})"

    async def __aenter__(self) -> Self:
        from jinba_mcp.client.exchange import Exchange, Terms  # noqa: PLC0415  see above

        if self._exchange is not None:
            raise RuntimeError(_ONCE)
        terms = Terms(
            url=self.url,
            organization=self.organization,
            headers=self._headers,
            timeout_s=self._timeout_s,
            retries=self._retries,
            max_response_bytes=self._max_response_bytes,
        )
        self._exchange = Exchange(terms, self._transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._exchange is not None:
            await self._exchange.close()

    async def ask(self, call: Call[T]) -> T:
        """Make a call. The methods do this; it is for calls described by hand."""
        if self._exchange is None:
            raise RuntimeError(_ONCE)
        return await self._exchange.ask(call)


class Jinba:
    """A client that blocks until each answer is there: `with Jinba(…) as jinba`. Threads may share one.

    It takes what `AsyncJinba` takes, and has its methods without `await`.
    """

    def __init__(  # noqa: PLR0913  all have a default
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        organization: str = "default",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
        max_response_bytes: int = DEFAULT_RESPONSE_BYTES,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        self._later = AsyncJinba(
            url,
            api_key=api_key,
            organization=organization,
            timeout_s=timeout_s,
            retries=retries,
            max_response_bytes=max_response_bytes,
            transport=transport,
            user_agent=user_agent,
        )
        self._portal: BlockingPortal | None = None
        self._open = ExitStack()
        self.toolsets = ToolSets(self)
        self.tools = Tools(self)
        self.versions = Versions(self)
        self.env = Env(self)
        self.keys = Keys(self)
        self.personal_keys = PersonalKeys(self)
        self.runs = Runs(self)
        self.organizations = Organizations(self)
        self.members = Members(self)
        self.invitations = Invitations(self)
        self.webhooks = Webhooks(self)
        self.credits = Credits(self)
        self.audit = Audit(self)
        self.explore = Explore(self)

    run = Now(runs.run)
    rename_me = Now(me.rename)
    me = Now(me.show)

    @property
    def url(self) -> str:
        return self._later.url

    @property
    def organization(self) -> str:
        return self._later.organization

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, organization={self.organization!r})"

    def __enter__(self) -> Self:
        from anyio.from_thread import start_blocking_portal  # noqa: PLC0415  see above

        if self._portal is not None:
            raise RuntimeError(_ONCE)
        # One implementation waits for both: only on an event loop does a deadline hold whatever the server does.
        with ExitStack() as opening:
            portal = opening.enter_context(start_blocking_portal())
            later: AbstractContextManager[AsyncJinba] = portal.wrap_async_context_manager(self._later)
            opening.enter_context(later)
            self._open = opening.pop_all()
        self._portal = portal
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def ask(self, call: Call[T]) -> T:
        """Make a call. The methods do this; it is for calls described by hand."""
        if self._portal is None:
            raise RuntimeError(_ONCE)
        return self._portal.call(self._later.ask, call)


def checked_url(url: str) -> str:
    """The URL of a server as clients use it.

    Raises:
        ValueError: it is none. What it says has no part of it, which may be a password.
    """
    if not is_address(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError(f"this is no address of a server; use one such as {DEFAULT_URL}")
    if "@" in urlsplit(url).netloc:
        raise ValueError("the address must not hold a password; give the key as api_key")
    return url.rstrip("/").removesuffix("/v1")


def is_address(url: str) -> bool:
    """Whether something can be reached at this URL at all."""
    try:
        parts = urlsplit(url)
        # Ports are not looked at before they are asked for, and what is not printable is taken out.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False


def _headers(api_key: str | None, user_agent: str) -> dict[str, str]:
    headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
    if not api_key:
        return headers
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ValueError("the API key has characters that no key has; was it copied whole?")
    return {**headers, "Authorization": f"Bearer {api_key}"}
