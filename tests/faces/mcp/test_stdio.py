"""The stdio server over streams in memory: whose runs they are, and that changes are announced."""

import os
from typing import Any

import anyio
import pytest
from mcp import Client

from jinba_mcp.core.catalog import Endpoint, ToolSetRef
from jinba_mcp.domain.errors import EndpointNotFound
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter, RunSource
from jinba_mcp.faces.mcp import stdio
from tests.cli.conftest import kept
from tests.faces.mcp.endpoints import MODES, Pipe, unused
from tests.worlds import World


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_over_stdio_is_recorded_as_such(world: World, mode: str) -> None:
    await world.publish()
    pipe = Pipe()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, world, pipe)
            async with Client(pipe.used(), mode=mode) as client:
                result = await client.call_tool("greeting-tools__greet", {"name": "Alice"})
    assert result.structured_content == {"message": "Hello, Alice!"}
    runs = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert [run.source for run in runs.items] == [RunSource.STDIO]


async def serve(world: World, pipe: Pipe) -> None:
    await stdio.serve(world.core, world.operator, Endpoint(), "1.2.3", transport=pipe.served)


async def test_a_client_of_the_handshake_era_is_told_of_changes(world: World) -> None:
    await world.publish()
    pipe, heard = Pipe(), anyio.Event()

    async def note(message: Any) -> None:
        if "list_changed" in str(message):
            heard.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, world, pipe)
            async with Client(pipe.used(), mode="legacy", message_handler=note) as client:
                await client.list_tools()
                await world.publish(greet="def run() -> dict: return {}")
                await heard.wait()


async def test_what_cannot_be_served_is_said_before_any_protocol(world: World) -> None:
    endpoint = Endpoint(toolset=ToolSetRef(organization="default", toolset="nothing"))
    with pytest.raises(EndpointNotFound):
        await stdio.serve(world.core, world.operator, endpoint, "1.2.3", transport=unused)


async def test_claimed_streams_carry_the_protocol_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    """Issue 2, point 7: whatever a tool prints, and from before the first tool is loaded."""
    (theirs, to_us), (from_us, ours) = os.pipe(), os.pipe()
    with kept(), anyio.fail_after(60):
        os.dup2(theirs, 0)
        os.dup2(ours, 1)
        transport = stdio.claim()
        os.write(1, b"noise")
        assert os.read(0, 10) == b""
        os.write(to_us, b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        os.close(to_us)
        async with transport() as (incoming, outgoing), incoming, outgoing:
            asked = await incoming.receive()
            os.write(1, b"noise")
            await outgoing.send(asked)
            with pytest.raises(anyio.EndOfStream):
                await incoming.receive()
    # Only now, when all is written: a read that waits would keep the writer waiting, too.
    said = os.read(from_us, 1_000)
    for descriptor in (theirs, ours, from_us):
        os.close(descriptor)
    assert said == b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    assert capfd.readouterr() == ("", "noisenoise")
