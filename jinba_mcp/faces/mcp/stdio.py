"""MCP over standard input and output: the local registry, in the name of whoever started the process."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from io import TextIOWrapper
from typing import Any, Literal, TypeAlias

import anyio
from anyio.abc import TaskGroup
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import Server
from mcp.server.session import ServerSession
from mcp.server.stdio import stdio_server

from jinba_mcp.core.catalog import Endpoint
from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.faces.mcp.listeners import Listeners
from jinba_mcp.faces.mcp.server import Context, McpServer
from jinba_mcp.faces.mcp.session import Session

_STDIN, _STDOUT, _STDERR = 0, 1, 2

Transport: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens the pair of message streams that is served: (incoming, outgoing)."""


def claim() -> Transport:
    """Keep the standard streams of this process for the protocol, for good, and give the transport over them.

    From here on everyone else, such as code that is being loaded and the programs that it starts, reads nothing from
    standard input, and what they write to standard output goes to standard error. The SDK does so too, but only while
    it serves: code is loaded before, and buffers are emptied after that.

    Raises:
        OSError: one of the standard streams is closed.
    """
    incoming, outgoing = os.dup(_STDIN), os.dup(_STDOUT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    os.dup2(_STDERR, _STDOUT)
    return lambda: stdio_server(_text(incoming, "rb"), _text(outgoing, "wb"))


def _text(descriptor: int, mode: Literal["rb", "wb"]) -> anyio.AsyncFile[str]:
    # Never closed: a thread may still be reading from it when all else is over.
    return anyio.wrap_file(TextIOWrapper(os.fdopen(descriptor, mode, closefd=False), "utf-8", "replace"))


async def serve(
    core: Core, caller: Caller, endpoint: Endpoint, version: str, *, transport: Transport = stdio_server
) -> None:
    """Speak MCP until standard input ends. Nothing but the protocol reaches standard output, whatever a tool prints."""

    async def who() -> Caller:
        return caller

    session = Session(core, endpoint, caller, RunSource.STDIO, who)
    await session.offers()

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[Session]:
        yield session

    async with anyio.create_task_group() as tasks:
        server = McpServer(version, Listeners(), lifespan=lifespan)
        server.middleware.append(_Announcer(session, tasks))
        async with transport() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        tasks.cancel_scope.cancel()


class _Announcer:
    """Tells a client of the handshake era, once it is initialized, of every change."""

    def __init__(self, session: Session, tasks: TaskGroup) -> None:
        self._session = session
        self._tasks = tasks

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        if ctx.method == "notifications/initialized":
            self._tasks.start_soon(self._announce, ctx.session)
        return await call_next(ctx)

    async def _announce(self, client: ServerSession) -> None:
        changes = await self._session.watch()
        async with aclosing(changes):
            async for _ in changes:
                await client.send_tool_list_changed()
