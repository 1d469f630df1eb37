"""Client configuration: the JSON that each MCP client really accepts for a remote endpoint with a bearer key."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from pydantic import JsonValue

from jinba_mcp.domain.records import JsonObject

KEY_PLACEHOLDER = "YOUR_JINBA_API_KEY"


class McpClient(StrEnum):
    CURSOR = "cursor"
    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    VSCODE = "vscode"
    WINDSURF = "windsurf"
    GENERIC = "generic"


def configuration(
    client: McpClient, *, name: str, url: str, secret: str | None, bridge: Sequence[str] | None = None
) -> JsonObject:
    """What connects `client` to `url` under `name`; without `secret` a placeholder stands for the key.

    `bridge` is the command of a local stdio bridge, for clients whose file starts commands only; without it they get
    the npm package mcp-remote, which needs nothing of ours on the client's machine.
    """
    return _SHAPES[client](name, url, secret or KEY_PLACEHOLDER, bridge)


def _bearer(secret: str) -> JsonObject:
    return {"Authorization": f"Bearer {secret}"}


def _cursor(name: str, url: str, secret: str, _: Sequence[str] | None) -> JsonObject:
    return {"mcpServers": {name: {"url": url, "headers": _bearer(secret)}}}


def _windsurf(name: str, url: str, secret: str, _: Sequence[str] | None) -> JsonObject:
    return {"mcpServers": {name: {"serverUrl": url, "headers": _bearer(secret)}}}


def _vscode(name: str, url: str, secret: str, _: Sequence[str] | None) -> JsonObject:
    return {"servers": {name: {"type": "http", "url": url, "headers": _bearer(secret)}}}


def _generic(name: str, url: str, secret: str, _: Sequence[str] | None) -> JsonObject:
    return {"mcpServers": {name: {"type": "http", "url": url, "headers": _bearer(secret)}}}


def _claude_code(name: str, url: str, secret: str, _: Sequence[str] | None) -> JsonObject:
    return {"mcpServers": {name: {"type": "http", "url": url, "headers": _bearer(secret)}}}


def _claude_desktop(name: str, url: str, secret: str, bridge: Sequence[str] | None) -> JsonObject:
    if bridge:
        command, *arguments = bridge
        server: JsonObject = {
            "command": command,
            "args": list[JsonValue]([*arguments, url]),
            "env": {"JINBA_API_KEY": secret},
        }
    else:
        # The header goes through a variable because some clients split arguments at the space after "Bearer".
        server = {
            "command": "npx",
            "args": ["-y", "mcp-remote", url, "--header", "Authorization:${JINBA_AUTHORIZATION}"],
            "env": {"JINBA_AUTHORIZATION": f"Bearer {secret}"},
        }
    return {"mcpServers": {name: server}}


_SHAPES: dict[McpClient, Callable[[str, str, str, Sequence[str] | None], JsonObject]] = {
    McpClient.CURSOR: _cursor,
    McpClient.CLAUDE_DESKTOP: _claude_desktop,
    McpClient.CLAUDE_CODE: _claude_code,
    McpClient.VSCODE: _vscode,
    McpClient.WINDSURF: _windsurf,
    McpClient.GENERIC: _generic,
}
