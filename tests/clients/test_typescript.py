"""Clients of the TypeScript world: both generations of its SDK, the Inspector's command line, and mcp-remote."""

import json
import subprocess
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from anyio.streams.text import TextReceiveStream
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.clients.conftest import TOOLSET, Served
from tests.clients.nodejs import Node

pytestmark = pytest.mark.slow

DEADLINE_S = 120
TOOLS = ["add", "count", "fail", "picture"]


@pytest.mark.parametrize(("generation", "version"), [("v1", "2025-11-25"), ("v2", "2026-07-28")])
async def test_the_typescript_sdk_gets_all_that_it_asks_for(
    served: Served, node: Node, generation: str, version: str
) -> None:
    heard = await _talk(served, node, generation)
    assert heard["version"] == version
    assert [tool["name"] for tool in heard["tools"]] == TOOLS
    assert heard["added"]["structuredContent"] == {"sum": 42, "note": None}
    assert heard["steps"] == [[1, 3, "step 1"], [2, 3, "step 2"], [3, 3, "step 3"]]
    assert heard["counted"]["content"] == [{"type": "text", "text": "Counted to 3."}]
    assert heard["failed"]["isError"] is True
    assert heard["unknown"]["code"] == types.INVALID_PARAMS
    assert heard["switched"][0] in {"Adds two numbers.", "Adds two whole numbers."}
    assert heard["switched"][0] != heard["tools"][0]["description"]


async def _talk(served: Served, node: Node, generation: str) -> dict[str, Any]:
    """What the client heard, by event; the active version is switched once, when it first asks for that."""
    heard: dict[str, Any] = {}
    environment = {**node.environment, "JINBA_AUTHORIZATION": f"Bearer {served.key}"}
    command = [*node.script("talk.mjs"), generation, served.endpoint]
    with anyio.fail_after(DEADLINE_S):
        async with await anyio.open_process(command, env=environment, stderr=None) as process:
            assert process.stdout is not None
            rest = ""
            async for chunk in TextReceiveStream(process.stdout):
                *lines, rest = (rest + chunk).split("\n")
                for line in lines:
                    said = json.loads(line)
                    if said["event"] == "switch" and "switch" not in heard:
                        await anyio.to_thread.run_sync(served.switch_version)
                    heard[said["event"]] = said.get("value")
            assert await process.wait() == 0
    return heard


def _inspect(node: Node, home: Path, *arguments: str) -> Any:
    command = [*node.command("mcp-inspector"), "--cli", *arguments]
    environment = {**node.environment, "HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_inspector_lists_and_calls_tools(served: Served, node: Node, tmp_path: Path) -> None:
    target = [served.endpoint, "--transport", "http", "--header", f"Authorization: Bearer {served.key}"]
    listed = _inspect(node, tmp_path, *target, "--method", "tools/list")
    assert [tool["name"] for tool in listed["tools"]] == TOOLS
    call = ["--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=40", "b=2"]
    called = _inspect(node, tmp_path, *target, *call)
    assert called["structuredContent"] == {"sum": 42, "note": None}


def test_the_inspector_finds_nothing_wrong_with_our_schemas(served: Served, node: Node, tmp_path: Path) -> None:
    target = [served.endpoint, "--transport", "http", "--header", f"Authorization: Bearer {served.key}"]
    listed = _inspect(node, tmp_path, *target, "--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]] == TOOLS


@pytest.mark.parametrize("client", ["generic", "claude-code"])
def test_the_inspector_takes_the_file_as_it_is(served: Served, node: Node, tmp_path: Path, client: str) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {TOOLSET: served.configuration(client)}}), encoding="utf-8")
    listed = _inspect(node, tmp_path, "--config", str(file), "--server", TOOLSET, "--method", "tools/list")
    assert [tool["name"] for tool in listed["tools"]] == TOOLS


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_mcp_remote_bridges_with_the_configuration_for_claude_desktop(
    served: Served, node: Node, tmp_path: Path, mode: str
) -> None:
    """Exactly the command, arguments and environment of the file, as that program starts them."""
    server = served.configuration("claude-desktop")
    environment = {**node.environment, "MCP_REMOTE_CONFIG_DIR": str(tmp_path), **server["env"]}
    # Where npx finds the installed package, instead of fetching one.
    process = StdioServerParameters(command=server["command"], args=server["args"], env=environment, cwd=node.root)
    with anyio.fail_after(DEADLINE_S):
        async with Client(process, mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
            result = await client.call_tool("add", {"a": 40, "b": 2})
    assert result.structured_content == {"sum": 42, "note": None}


@pytest.mark.parametrize(
    ("client", "field"),
    [("cursor", "url"), ("windsurf", "serverUrl"), ("vscode", "url"), ("claude-code", "url"), ("generic", "url")],
)
async def test_url_and_headers_of_a_configuration_connect(served: Served, client: str, field: str) -> None:
    server = served.configuration(client)
    with anyio.fail_after(DEADLINE_S):
        async with (
            httpx2.AsyncClient(headers=server["headers"]) as http,
            Client(streamable_http_client(server[field], http_client=http)) as connected,
        ):
            tools = (await connected.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS
