"""MCP over HTTP: endpoints, both eras, who may see and call what, broken requests, standing streams."""

import json
from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter, RunStatus
from jinba_mcp.domain.scopes import Scope
from tests.faces.mcp.endpoints import ECHO, MODES, TOOLSET, Served, Stream, serving
from tests.worlds import World

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "greet", "arguments": {"name": "Al"}}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


def modern(method: str, name: str | None = None) -> dict[str, str]:
    return {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_lists_and_calls_in_either_era(world: World, mode: str) -> None:
    await world.publish()
    async with serving(world) as served, served.client(mode=mode) as client:
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        assert [tool.name for tool in (await client.list_tools()).tools] == ["greet"]
        result = await client.call_tool("greet", {"name": "Alice"})
    assert result.structured_content == {"message": "Hello, Alice!"}
    assert not result.is_error
    assert result.meta is not None
    runs = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert [run.id for run in runs.items] == [result.meta["jinba-mcp/runId"]]
    assert runs.items[0].source.value == "mcp"


ENDPOINTS = {
    TOOLSET: "greet",
    "/v1/orgs/default/toolsets/greeting-tools@1.0.0/mcp": "greet",
    "/v1/public/default/greeting-tools/mcp": "greet",
    "/v1/orgs/default/mcp": "greeting-tools__greet",
    "/mcp": "greeting-tools__greet",
}


@pytest.mark.parametrize("mode", MODES)
async def test_every_kind_of_endpoint_offers_the_tool(world: World, mode: str) -> None:
    await world.publish()
    async with serving(world) as served:
        for path, name in ENDPOINTS.items():
            async with served.client(path, mode=mode) as client:
                assert [tool.name for tool in (await client.list_tools()).tools] == [name], path
                answer = await client.call_tool(name, {"name": "Bo"})
                assert answer.structured_content == {"message": "Hello, Bo!"}, path


async def status_of(served: Served, path: str, secret: str | None) -> int:
    return (await served.post(path, secret, LIST)).status_code


async def test_what_is_not_there_or_not_yours_is_404(world: World) -> None:
    await world.publish()
    await world.publish("their-tools", organization="other")
    async with serving(world) as served:
        mine = await served.secret()
        for path in (
            "/v1/orgs/default/toolsets/nothing/mcp",
            "/v1/orgs/default/toolsets/greeting-tools@9.9.9/mcp",
            "/v1/orgs/other/toolsets/their-tools/mcp",
            "/v1/orgs/other/mcp",
            "/v1/public/default/nothing/mcp",
            "/v1/public/nowhere/greeting-tools/mcp",
        ):
            assert await status_of(served, path, mine) == 404, path
        assert await status_of(served, "/v1/public/other/their-tools/mcp", mine) == 200


async def test_a_toolset_with_mcp_off_is_404(world: World, make_source: Any) -> None:
    await world.core.versions.push(world.operator, "default", make_source("quiet-tools"))
    async with serving(world) as served:
        assert await status_of(served, "/v1/orgs/default/toolsets/quiet-tools/mcp", await served.secret()) == 404


@pytest.mark.parametrize(
    ("secret", "code"),
    [(None, "key.missing"), ("jtb_nonsense", "key.malformed")],
)
async def test_a_request_without_a_good_key_is_401_with_words_that_clients_show(
    world: World, secret: str | None, code: str
) -> None:
    await world.publish()
    async with serving(world) as served:
        answer = await served.post(TOOLSET, secret, LIST)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["error"]["data"]["code"] == code
        if secret:
            said = pytest.RaisesExc(MCPError, match="checksum")
            with pytest.RaisesGroup(said, flatten_subgroups=True, allow_unwrapped=True):
                async with served.client(secret=secret, mode="legacy"):
                    pass


async def test_a_revoked_key_is_refused_on_the_next_request(world: World) -> None:
    await world.publish()
    async with serving(world) as served:
        secret = await served.secret()
        caller = await world.core.keys.authenticate(secret)
        assert await status_of(served, TOOLSET, secret) == 200
        await world.core.keys.revoke(world.operator, "default", caller.key_id or "")
        assert await status_of(served, TOOLSET, secret) == 401


@pytest.mark.parametrize("mode", MODES)
async def test_a_read_key_lists_but_cannot_call(world: World, mode: str) -> None:
    await world.publish()
    async with serving(world) as served:
        async with served.client(secret=await served.secret(Scope.READ), mode=mode) as client:
            assert len((await client.list_tools()).tools) == 1
            with pytest.raises(MCPError, match="needs the scope 'execute'"):
                await client.call_tool("greet", {"name": "Alice"})
        answer = await served.post(TOOLSET, await served.secret(Scope.WRITE), LIST)
    assert answer.status_code == 403


async def test_a_narrowed_key_is_offered_its_own_tools_only(world: World) -> None:
    await world.publish()
    await world.publish("other-tools", one=ECHO, two=ECHO)
    async with serving(world) as served:
        secret = await served.secret(tools=("other-tools/two",))
        async with served.client("/mcp", secret=secret) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["other-tools__two"]
            with pytest.raises(MCPError, match="no tool"):
                await client.call_tool("other-tools__one", {"word": "a"})
        assert await status_of(served, TOOLSET, secret) == 404


@pytest.mark.parametrize("mode", MODES)
async def test_bad_arguments_are_a_result_that_the_model_can_read(world: World, mode: str) -> None:
    await world.publish()
    async with serving(world) as served, served.client(mode=mode) as client:
        result = await client.call_tool("greet", {"nome": "Alice"})
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert '"name" is a required property' in result.content[0].text


@pytest.mark.parametrize("mode", MODES)
async def test_an_unknown_tool_is_a_protocol_error(world: World, mode: str) -> None:
    await world.publish()
    async with serving(world) as served, served.client(mode=mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("grete", {})
    assert caught.value.error.code == -32602


@pytest.mark.parametrize("mode", MODES)
async def test_progress_arrives_before_the_result(world: World, mode: str) -> None:
    await world.publish(echo=ECHO)
    steps: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total, message))

    async with serving(world) as served, served.client(mode=mode) as client:
        result = await client.call_tool("echo", {"word": "a", "times": 3}, progress_callback=note)
    assert result.structured_content == {"words": ["a", "a", "a"]}
    assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def test_lists_are_in_the_order_of_names_with_cache_hints_and_pages(world: World) -> None:
    names = [f"t{number:03d}" for number in range(201)]
    await world.publish(**dict.fromkeys(reversed(names), ECHO))
    async with serving(world) as served, served.client() as client:
        first = await client.list_tools()
        assert (first.ttl_ms, first.cache_scope) == (10_000, "private")
        second = await client.list_tools(cursor=first.next_cursor)
        assert [tool.name for tool in (*first.tools, *second.tools)] == names
        assert second.next_cursor is None
        with pytest.raises(MCPError, match="cursor"):
            await client.list_tools(cursor="made-up!")


BROKEN = [
    b"",
    b"{",
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"[" + b",".join([json.dumps(LIST).encode()] * 10_000) + b"]",
    b"null",
    b'{"jsonrpc": "2.0", "id": 1, "method": 3}',
    b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}',
]


@pytest.mark.parametrize("headers", [{}, modern("tools/list")], ids=["handshake", "modern"])
async def test_a_broken_body_is_a_clear_4xx(world: World, headers: dict[str, str]) -> None:
    await world.publish()
    async with serving(world) as served:
        secret = await served.secret()
        for body in BROKEN:
            answer = await served.post(TOOLSET, secret, body, **headers)
            assert 400 <= answer.status_code < 500, (body[:50], answer.text)
            assert "Traceback" not in answer.text


async def test_a_huge_body_is_413(world: World) -> None:
    await world.publish()
    async with serving(world, max_body_bytes=10_000) as served:
        answer = await served.post(TOOLSET, await served.secret(), b"x" * 10_001)
    assert answer.status_code == 413


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"\\ud800"', "1e999"])
@pytest.mark.parametrize("era", ["handshake", "modern"])
async def test_arguments_that_are_not_json_never_reach_the_tool(world: World, value: str, era: str) -> None:
    await world.publish()
    meta = f', "_meta": {json.dumps(MODERN_META)}' if era == "modern" else ""
    body = (
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", '
        f'"params": {{"name": "greet", "arguments": {{"name": {value}}}{meta}}}}}'
    )
    headers = modern("tools/call", "greet") if era == "modern" else {}
    async with serving(world) as served:
        answer = await served.post(TOOLSET, await served.secret(), body, **headers)
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 400 or '"isError":true' in answer.text
    runs = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert all(run.status is RunStatus.FAILED for run in runs.items)


async def test_the_header_must_name_the_tool_that_the_body_calls(world: World) -> None:
    await world.publish()
    body = {**CALL, "params": {**CALL["params"], "_meta": MODERN_META}}  # type: ignore[dict-item]  # a dict above
    async with serving(world) as served:
        secret = await served.secret()
        assert (await served.post(TOOLSET, secret, body, **modern("tools/call", "greet"))).status_code == 200
        assert (await served.post(TOOLSET, secret, body, **modern("tools/call", "other"))).status_code == 400
        assert (await served.post(TOOLSET, secret, body, **modern("tools/list"))).status_code == 400


@pytest.mark.parametrize(("header", "value"), [("Host", "evil.example"), ("Origin", "http://evil.example")])
async def test_a_page_that_rebinds_its_name_is_refused(world: World, header: str, value: str) -> None:
    await world.publish()
    async with serving(world) as served:
        answer = await served.post(TOOLSET, await served.secret(), LIST, **{header: value})
    assert answer.status_code in (403, 421)


async def listening(served: Served, stream: Stream, secret: str, accept: str = "text/event-stream") -> None:
    """A GET that stays open until the server ends it or the task is cancelled."""
    headers = {"host": "localhost", "authorization": f"Bearer {secret}", "accept": accept}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": TOOLSET,
        "raw_path": TOOLSET.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    await served.app(scope, receive, stream.send)


async def test_a_standing_stream_tells_of_a_new_active_version_and_ends_with_the_server(world: World) -> None:
    await world.publish()
    async with serving(world) as served, anyio.create_task_group() as tasks:
        stream = Stream()
        tasks.start_soon(listening, served, stream, await served.secret())
        await stream.until(lambda: stream.status == 200)
        await world.publish(greet=ECHO)
        await stream.until(lambda: any(b"tools/list_changed" in part for part in stream.received))
        served.mcp.listeners.close_all()
        await stream.until(lambda: stream.received[-1:] == [b""])


async def test_a_standing_stream_ends_when_its_key_is_revoked(world: World) -> None:
    await world.publish()
    async with serving(world) as served, anyio.create_task_group() as tasks:
        stream, secret = Stream(), await served.secret()
        tasks.start_soon(listening, served, stream, secret)
        await stream.until(lambda: stream.status == 200)
        caller = await world.core.keys.authenticate(secret)
        await world.core.keys.revoke(world.operator, "default", caller.key_id or "")
        await stream.until(lambda: stream.received[-1:] == [b""])


async def test_a_standing_stream_needs_to_be_accepted(world: World) -> None:
    await world.publish()
    async with serving(world) as served:
        stream = Stream()
        await listening(served, stream, await served.secret(), accept="application/json")
    assert stream.status == 406


async def test_the_modern_era_has_no_standing_stream(world: World) -> None:
    await world.publish()
    async with serving(world) as served, served.http(await served.secret()) as client:
        headers = {"MCP-Protocol-Version": "2026-07-28", "Accept": "text/event-stream"}
        answer = await client.get(TOOLSET, headers=headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_there_is_no_session_to_delete(world: World) -> None:
    await world.publish()
    async with serving(world) as served, served.http(await served.secret()) as client:
        assert (await client.delete(TOOLSET)).status_code == 405
