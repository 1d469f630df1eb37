"""The bridge: a stdio client speaks through it to a remote endpoint as if it were there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
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

    with anyio.fail_after(60):
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


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"message":"of JSON-RPC"}}', "of JSON-RPC"),
        (b'{"detail":"of a problem"}', "of a problem"),
        (b"[1]", r"\[1\]"),
        (b"<html>", "<html>"),
        (b"", "Bad Gateway"),
    ],
)
async def test_whatever_a_remote_refuses_with_is_passed_on(body: bytes, said: str) -> None:
    network = httpx2.MockTransport(lambda _request: httpx2.Response(502, content=body))

    with pytest.raises(BridgeFailed, match=f"answered 502: {said}"):
        await bridge.serve(URL, None, "1.2.3", transport=unused, network=network)


class Remote:
    """A client whose announcements are those of the test; then it has none to make, so the relay ends."""

    server_info = None
    instructions = None

    def __init__(self, *announced: Exception | int) -> None:
        self._announced = list(announced)

    @asynccontextmanager
    async def listen(self, *, tools_list_changed: bool) -> AsyncIterator[AsyncIterator[None]]:
        if not self._announced:
            raise ListenNotSupportedError("tools")
        now = self._announced.pop(0)
        if isinstance(now, Exception):
            raise now
        yield self._changes(now)

    @staticmethod
    async def _changes(count: int) -> AsyncIterator[None]:
        for _ in range(count):
            yield None


class Session:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told_count = 0

    async def send_tool_list_changed(self) -> None:
        self.told_count += 1


async def test_changes_are_passed_on_and_listened_for_again_when_the_line_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "_LISTEN_AGAIN_AFTER_S", 0.0)
    remote: Any = Remote(2, TimeoutError(), SubscriptionLost("lost"), 1)
    session: Any = Session()
    made = bridge._Bridge(remote, "1.2.3")
    made._announced_to.add(session)

    with anyio.fail_after(60):
        await made.relay_changes()

    assert session.told_count == 3
