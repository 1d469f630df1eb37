"""The Python SDK's client in both modes, over HTTP, over `jinba-mcp stdio` and through `jinba-mcp connect`."""

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.session import IncomingMessage
from mcp.shared.exceptions import MCPError

from tests.clients.conftest import Served
from tests.clients.connections import BRIDGE, HTTP, STDIO, TRANSPORTS, connected

pytestmark = pytest.mark.slow

DEADLINE_S = 120
MODES = {"legacy": "2025-11-25", "auto": "2026-07-28"}
DESCRIPTIONS = {"Adds two numbers.", "Adds two whole numbers."}
RUN_ID = "jinba-mcp/runId"

everywhere = pytest.mark.parametrize("transport", TRANSPORTS)
both_modes = pytest.mark.parametrize("mode", MODES)


@everywhere
@both_modes
async def test_a_client_gets_all_that_it_asks_for_on_one_connection(served: Served, transport: str, mode: str) -> None:
    with anyio.fail_after(DEADLINE_S):
        async with connected(served, transport, mode) as client:
            _it_negotiated_the_newest_version_of_its_era(client, MODES[mode])
            await _it_lists_tools_with_their_schemas(client)
            run_id = await _it_gets_structured_content(client)
            await _it_sees_progress_in_order_and_before_the_result(client)
            await _it_gets_rich_content_whole(client)
            await _it_reads_what_went_wrong(client)
            await _it_learns_that_a_tool_is_unknown(client)
    run = served.registry.ask(served.key, f"{served.runs}/{run_id}")
    assert run["output"] == {"sum": 42, "note": None}
    assert run["source"] == ("stdio" if transport == STDIO else "mcp")
    assert run["logs"]["stdout"] == ["adding 40 2"]


def _it_negotiated_the_newest_version_of_its_era(client: Client, version: str) -> None:
    assert client.protocol_version == version
    assert client.server_info is not None
    assert client.server_info.name == "jinba-mcp"
    assert client.instructions == "Tools for tests with real clients."
    assert client.server_capabilities.tools == types.ToolsCapability(list_changed=True)


async def _it_lists_tools_with_their_schemas(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["add", "count", "fail", "picture"]
    assert tools[0].input_schema["required"] == ["a", "b"]
    assert tools[0].output_schema is not None
    assert tools[0].output_schema["properties"]["sum"]["type"] == "integer"
    # Before 2026-07-28 only objects could be structured; what says otherwise would break the whole list.
    is_modern = client.protocol_version == MODES["auto"]
    assert (tools[1].output_schema is not None) == is_modern


async def _it_gets_structured_content(client: Client) -> str:
    result = await client.call_tool("add", {"a": 40, "b": 2})
    assert not result.is_error
    assert result.structured_content == {"sum": 42, "note": None}
    assert result.meta is not None
    return str(result.meta[RUN_ID])


async def _it_sees_progress_in_order_and_before_the_result(client: Client) -> None:
    steps: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total, message))

    result = await client.call_tool("count", {"to": 3}, progress_callback=note)
    assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]
    assert result.content == [types.TextContent(type="text", text="Counted to 3.")]


async def _it_gets_rich_content_whole(client: Client) -> None:
    result = await client.call_tool("picture")
    assert [block.type for block in result.content] == ["text", "image"]
    assert result.structured_content is None


async def _it_reads_what_went_wrong(client: Client) -> None:
    failed = await client.call_tool("fail")
    assert failed.is_error
    assert failed.content == [types.TextContent(type="text", text="ValueError: There is nothing to do here.")]
    refused = await client.call_tool("add", {"a": "forty", "b": 2})
    assert refused.is_error


async def _it_learns_that_a_tool_is_unknown(client: Client) -> None:
    with pytest.raises(MCPError) as caught:
        await client.call_tool("nowhere")
    assert caught.value.error.code == types.INVALID_PARAMS
    assert "nowhere" in caught.value.error.message


@everywhere
async def test_a_modern_listener_hears_that_another_version_is_active(served: Served, transport: str) -> None:
    with anyio.fail_after(DEADLINE_S):
        async with connected(served, transport, "auto") as client:
            before = (await client.list_tools()).tools[0].description
            async with client.listen(tools_list_changed=True) as changes:
                await anyio.to_thread.run_sync(served.switch_version)
                await anext(changes)
                after = (await client.list_tools()).tools[0].description
    assert {before, after} == DESCRIPTIONS


@pytest.mark.parametrize("transport", [STDIO, BRIDGE])
async def test_a_handshake_client_is_told_that_another_version_is_active(served: Served, transport: str) -> None:
    told = anyio.Event()

    async def hear(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            told.set()

    with anyio.fail_after(DEADLINE_S):
        async with connected(served, transport, "legacy", hear) as client:
            before = (await client.list_tools()).tools[0].description
            await anyio.to_thread.run_sync(served.switch_version)
            await told.wait()
            after = (await client.list_tools()).tools[0].description
    assert {before, after} == DESCRIPTIONS


@both_modes
async def test_a_wrong_key_is_refused(served: Served, mode: str) -> None:
    stranger = Served(served.registry, "jtb_" + "0" * 49, served.path)
    came_in = False
    with anyio.fail_after(DEADLINE_S), pytest.raises(ExceptionGroup):
        async with connected(stranger, HTTP, mode):
            came_in = True
    assert not came_in
