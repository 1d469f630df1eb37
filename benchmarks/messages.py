"""What the benchmarks ask: calls of `add(a, b)` and lists of tools, as both eras of MCP and REST say them."""

import json
from collections.abc import Mapping
from typing import Any

from load import Request

KINDS = ("handshake era", "2026-07-28", "REST")
ORGANIZATION = "default"
PATH = f"/v1/orgs/{ORGANIZATION}/toolsets"
ADDED = 3
"""To the connection's number, so that no two connections have the same answer."""
_ACCEPT = {"Accept": "application/json, text/event-stream"}
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}


def legacy(path: str, headers: Mapping[str, str], tool: str = "add") -> Request:
    """`tools/call` as the handshake era sends it, without a handshake, which a stateless server does not need."""

    def body(number: int) -> Any:
        return _message(number, "tools/call", {"name": tool, "arguments": _arguments(number)})

    return Request(path, {**_ACCEPT, **headers, "MCP-Protocol-Version": "2025-11-25"}, body, _has_added)


def modern(path: str, headers: Mapping[str, str], tool: str = "add") -> Request:
    """`tools/call` of 2026-07-28."""

    def body(number: int) -> Any:
        return _message(number, "tools/call", {"name": tool, "arguments": _arguments(number), "_meta": _META})

    era = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return Request(path, {**_ACCEPT, **headers, **era}, body, _has_added)


def rest(path: str, headers: Mapping[str, str]) -> Request:
    """A run over REST."""
    return Request(path, headers, _arguments, lambda number, answer: bool(answer["output"] == _sum(number)))


def ours(toolset: str, headers: Mapping[str, str], tool: str = "add") -> Mapping[str, Request]:
    """A call of a tool of ours, as each of `KINDS` says it."""
    path = f"{PATH}/{toolset}"
    requests = (
        legacy(f"{path}/mcp", headers, tool),
        modern(f"{path}/mcp", headers, tool),
        rest(f"{path}/tools/{tool}/run", headers),
    )
    return dict(zip(KINDS, requests, strict=True))


def of_mcp(path: str) -> Mapping[str, Request]:
    """A call of the tool `add` of another server, without a key, as both eras say it."""
    return dict(zip(KINDS, (legacy(path, {}), modern(path, {})), strict=False))


def listing(path: str, headers: Mapping[str, str], count: int) -> Request:
    """`tools/list` of 2026-07-28; right is a page with `count` tools."""

    def body(number: int) -> Any:
        return _message(number, "tools/list", {"_meta": _META})

    def is_right(number: int, answer: Any) -> bool:
        return answer["id"] == number and len(answer["result"]["tools"]) == count

    era = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    return Request(path, {**_ACCEPT, **headers, **era}, body, is_right)


def _message(number: int, method: str, params: Any) -> Any:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _arguments(number: int) -> Any:
    return {"a": number, "b": ADDED}


def _sum(number: int) -> Any:
    return {"sum": number + ADDED}


def _has_added(number: int, answer: Any) -> bool:
    result = answer["result"]
    # Some servers have it in the text only.
    found = result.get("structuredContent") or json.loads(result["content"][0]["text"])
    return bool(answer["id"] == number and not result.get("isError") and found == _sum(number))
