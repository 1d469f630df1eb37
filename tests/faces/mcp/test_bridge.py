"""The bridge: a stdio client speaks through it to a remote endpoint as if it were there."""

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from jinba_mcp.faces.mcp import bridge
from jinba_mcp.faces.mcp.bridge import BridgeFailed
from tests.faces.mcp.endpoints import ECHO, MODES, TOOLSET, Pipe, Served, serving, unused
from tests.worlds import World

URL = f"http://localhost{TOOLSET}"


async def bridged(served: Served, secret: str, pipe: Pipe) -> None:
    network = httpx2.ASGITransport(app=served.app)
    await bridge.serve(URL, secret, "1.2.3", transport=pipe.served, network=network)


@pytest.mark.parametrize("mode", MODES)
async def test_a_stdio_client_lists_and_calls_through_the_bridge(world: World, mode: str) -> None:
    await world.publish(echo=ECHO)
    pipe, steps = Pipe(), []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    with anyio.fail_after(10):
        async with serving(world) as served, anyio.create_task_group() as tasks:
            tasks.start_soon(bridged, served, await served.secret(), pipe)
            async with Client(pipe.used(), mode=mode) as client:
                assert client.server_info is not None
                assert client.server_info.name == "jinba-mcp"
                assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
                result = await client.call_tool("echo", {"word": "a", "times": 2}, progress_callback=note)
                refused = await client.call_tool("echo", {})
                with pytest.raises(MCPError, match="no tool"):
                    await client.call_tool("nothing", {})
            tasks.cancel_scope.cancel()
    assert result.structured_content == {"words": ["a", "a"]}
    assert refused.is_error
    assert steps == [1, 2]


@pytest.mark.parametrize(
    ("secret", "url", "said"),
    [
        ("jtb_nonsense", URL, "401: This is not a Jinba key"),
        (None, URL, "401: No API key"),
        ("good", "http://localhost/v1/orgs/default/toolsets/nothing/mcp", "404: There is no endpoint 'nothing'"),
        ("good", "http://localhost/nowhere", "404"),
    ],
)
async def test_a_remote_that_refuses_is_said_in_one_sentence(
    world: World, secret: str | None, url: str, said: str
) -> None:
    await world.publish()
    async with serving(world) as served:
        key = await served.secret() if secret == "good" else secret
        with pytest.raises(BridgeFailed, match=said):
            await bridge.serve(url, key, "1.2.3", transport=unused, network=httpx2.ASGITransport(app=served.app))


async def test_a_remote_that_is_not_there_is_said_in_one_sentence() -> None:
    with pytest.raises(BridgeFailed, match="Cannot reach"):
        await bridge.serve("http://127.0.0.1:9/mcp", None, "1.2.3", transport=unused)
    with pytest.raises(BridgeFailed, match=r"not a URL|Cannot reach"):
        await bridge.serve("nonsense", None, "1.2.3", transport=unused)
