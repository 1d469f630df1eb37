"""A session: on whose behalf, at which endpoint, a request is answered."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from jinba_mcp.core.catalog import Endpoint, Offers
from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.runs import RunSource

SCOPE_KEY = "jinba.mcp_session"
"""Where the HTTP side leaves the session of a request in its ASGI scope."""


async def uncounted() -> None:
    """Whoever holds the machine is not limited."""


@dataclass(frozen=True)
class Session:
    """`reauthenticate` says who the caller is now, for streams that live longer than one request.

    `count` counts a request against the limits, or raises. `found` is what the caller is offered, if that is settled.
    """

    core: Core
    endpoint: Endpoint
    caller: Caller
    source: RunSource
    reauthenticate: Callable[[], Awaitable[Caller]]
    count: Callable[[], Awaitable[None]] = uncounted
    found: Offers | None = None

    async def offers(self) -> Offers:
        """What the caller is offered here at this moment, unless that is settled."""
        return self.found or await self.core.catalog.offers(self.caller, self.endpoint)

    async def watch(self) -> AsyncGenerator[None, None]:
        """A feed that yields each time that what is offered has changed from what it is now.

        It ends when the caller may not listen any more.
        """
        changes = await self.core.changes.watch()
        return self._differing(changes, (await self.offers()).fingerprint)

    async def _differing(self, changes: AsyncGenerator[None, None], seen: str) -> AsyncGenerator[None, None]:
        async with aclosing(changes):
            async for _ in changes:
                try:
                    caller = await self.reauthenticate()
                    now = (await self.core.catalog.offers(caller, self.endpoint)).fingerprint
                except JinbaError:
                    return
                if now != seen:
                    seen = now
                    yield


def of(ctx: ServerRequestContext[Any, Any]) -> Session:
    """The session that a request belongs to: its own over HTTP, the process's over stdio."""
    session = ctx.request.scope[SCOPE_KEY] if isinstance(ctx.request, Request) else ctx.lifespan_context
    if not isinstance(session, Session):
        raise TypeError("an MCP request reached the server without a session")
    return session
