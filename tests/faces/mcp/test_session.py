"""Sessions: what a standing stream is told, and when it ends."""

from contextlib import aclosing

import anyio
import pytest

from jinba_mcp.core.catalog import Endpoint, ToolSetRef
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import KeyUnknown
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.faces.mcp.session import Session
from tests.worlds import World

GREETING = Endpoint(toolset=ToolSetRef(organization="default", toolset="greeting-tools"))


async def session_of(world: World) -> Session:
    caller = await world.key(Scope.EXECUTE)

    async def who() -> Caller:
        return caller

    return Session(world.core, GREETING, caller, RunSource.MCP, who)


async def test_it_yields_when_what_is_offered_has_changed(world: World) -> None:
    await world.publish()
    feed = await (await session_of(world)).watch()
    await world.publish(greet="def run() -> dict: return {}")
    async with aclosing(feed):
        with anyio.fail_after(60):
            await anext(feed)


async def test_it_ends_when_the_endpoint_is_gone(world: World) -> None:
    await world.publish()
    feed = await (await session_of(world)).watch()
    toolset = await world.core.toolsets.get(world.operator, "default", "greeting-tools")
    off = toolset.listing.model_copy(update={"mcp_enabled": False})
    async with world.store.begin() as tx:
        await tx.toolsets.save(toolset.model_copy(update={"listing": off}))
    with anyio.fail_after(60), pytest.raises(StopAsyncIteration):
        await anext(feed)


async def test_it_ends_when_the_caller_is_not_let_in_any_more(world: World) -> None:
    await world.publish()
    session = await session_of(world)

    async def refused() -> Caller:
        raise KeyUnknown

    feed = await Session(world.core, GREETING, session.caller, RunSource.MCP, refused).watch()
    await world.publish("other-tools")
    with anyio.fail_after(60), pytest.raises(StopAsyncIteration):
        await anext(feed)
