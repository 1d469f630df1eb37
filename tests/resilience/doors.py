"""The doors by which a tool is called, each as bytes to send and as a way to read the answer."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.resilience.wire import Answer, Connection, request

ORGANIZATION = "/v1/orgs/default"
RUN_ID = "jinba-mcp/runId"
_MODERN = "2026-07-28"
_HANDSHAKE = "2025-11-25"


class Door(StrEnum):
    REST = "rest"
    HANDSHAKE = "mcp, handshake era"
    MODERN = "mcp, 2026-07-28"

    @property
    def source(self) -> str:
        """What the record of a run says of the way it was called."""
        return "rest" if self is Door.REST else "mcp"


@dataclass(frozen=True)
class Tool:
    """A tool of the default organization."""

    toolset: str
    name: str

    @property
    def toolset_path(self) -> str:
        return f"{ORGANIZATION}/toolsets/{self.toolset}"

    @property
    def run_path(self) -> str:
        return f"{self.toolset_path}/tools/{self.name}/run"

    @property
    def mcp_path(self) -> str:
        return f"{self.toolset_path}/mcp"


@dataclass(frozen=True)
class Called:
    """What a caller was told of a run: by MCP nothing but the text, when it did not succeed."""

    run_id: str
    is_success: bool
    output: Any
    error: str


def headers_of(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def call(door: Door, key: str, tool: Tool, arguments: dict[str, Any]) -> bytes:
    """The request that calls the tool."""
    if door is Door.REST:
        return request("POST", tool.run_path, headers_of(key), json.dumps(arguments).encode())
    return rpc(door, key, tool.mcp_path, "tools/call", {"name": tool.name, "arguments": arguments})


def rpc(door: Door, key: str, path: str, method: str, params: dict[str, Any]) -> bytes:
    """A request of MCP."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = mcp_headers(door, key)
    if door is Door.MODERN:
        headers["Mcp-Method"] = method
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        body["params"] = params | {"_meta": modern_meta()}
    return request("POST", path, headers, json.dumps(body).encode())


def mcp_headers(door: Door, key: str) -> dict[str, str]:
    """The headers of any POST of MCP of that era, and of a GET in the handshake era."""
    version = _MODERN if door is Door.MODERN else _HANDSHAKE
    return headers_of(key) | {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version}


def modern_meta() -> dict[str, Any]:
    """What every request of 2026-07-28 carries instead of a handshake."""
    return {
        "io.modelcontextprotocol/protocolVersion": _MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "resilience", "version": "1"},
    }


def listen(door: Door, key: str, path: str) -> bytes:
    """The request that opens a standing stream."""
    if door is Door.MODERN:
        return rpc(door, key, path, "subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    return request("GET", path, mcp_headers(door, key) | {"Accept": "text/event-stream"})


async def shake_hands(connection: Connection, key: str, path: str) -> None:
    """Begin as clients of the handshake era do."""
    params = {
        "protocolVersion": _HANDSHAKE,
        "capabilities": {},
        "clientInfo": {"name": "resilience", "version": "1"},
    }
    answer = await connection.ask(rpc(Door.HANDSHAKE, key, path, "initialize", params))
    assert answer.json["result"]["protocolVersion"] == _HANDSHAKE
    told = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
    assert (await connection.ask(request("POST", path, mcp_headers(Door.HANDSHAKE, key), told))).status == 202


def called(door: Door, answer: Answer) -> Called:
    """The run that an answer tells of."""
    assert answer.status == 200, (answer.status, answer.body[:500])
    if door is Door.REST:
        run = answer.json
        error = "" if run["error"] is None else f"{run['error']['name']}: {run['error']['message']}"
        return Called(run["runId"], run["success"], run["output"], error)
    result = answer.json["result"]
    text = result["content"][0]["text"] if result["isError"] else ""
    return Called(result["_meta"].get(RUN_ID, ""), not result["isError"], result.get("structuredContent"), text)
