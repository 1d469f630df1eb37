"""The exact document for each client, with the key, without it, and over a local bridge."""

import json

import pytest

from jinba_mcp.domain.mcp_config import KEY_PLACEHOLDER, McpClient, configuration
from jinba_mcp.domain.records import JsonObject

URL = "https://tools.example.com/v1/orgs/acme/toolsets/text-tools/mcp"
SECRET = "jtb_made-up"
HEADERS: JsonObject = {"Authorization": f"Bearer {SECRET}"}
TYPED: JsonObject = {"type": "http", "url": URL, "headers": HEADERS}
REMOTE: JsonObject = {
    "command": "npx",
    "args": ["-y", "mcp-remote", URL, "--header", "Authorization:${JINBA_AUTHORIZATION}"],
    "env": {"JINBA_AUTHORIZATION": f"Bearer {SECRET}"},
}

DOCUMENTS: dict[McpClient, JsonObject] = {
    McpClient.CURSOR: {"mcpServers": {"jinba": {"url": URL, "headers": HEADERS}}},
    McpClient.WINDSURF: {"mcpServers": {"jinba": {"serverUrl": URL, "headers": HEADERS}}},
    McpClient.VSCODE: {"servers": {"jinba": TYPED}},
    McpClient.CLAUDE_CODE: {"mcpServers": {"jinba": TYPED}},
    McpClient.GENERIC: {"mcpServers": {"jinba": TYPED}},
    McpClient.CLAUDE_DESKTOP: {"mcpServers": {"jinba": REMOTE}},
}


@pytest.mark.parametrize("client", McpClient)
def test_each_client_gets_the_document_that_it_accepts(client: McpClient) -> None:
    assert configuration(client, name="jinba", url=URL, secret=SECRET) == DOCUMENTS[client]


@pytest.mark.parametrize("client", McpClient)
def test_without_the_key_a_placeholder_stands_in_its_place(client: McpClient) -> None:
    expected = json.loads(json.dumps(DOCUMENTS[client]).replace(SECRET, KEY_PLACEHOLDER))
    assert configuration(client, name="jinba", url=URL, secret=None) == expected


def test_a_client_that_only_starts_commands_gets_the_bridge_when_there_is_one() -> None:
    document = configuration(
        McpClient.CLAUDE_DESKTOP, name="jinba", url=URL, secret=SECRET, bridge=["/opt/bin/jinba-mcp", "connect"]
    )
    server = {"command": "/opt/bin/jinba-mcp", "args": ["connect", URL], "env": {"JINBA_API_KEY": SECRET}}
    assert document == {"mcpServers": {"jinba": server}}


def test_a_bridge_without_arguments_gets_the_url_alone() -> None:
    document = configuration(McpClient.CLAUDE_DESKTOP, name="j", url=URL, secret=None, bridge=["bridge"])
    server = {"command": "bridge", "args": [URL], "env": {"JINBA_API_KEY": KEY_PLACEHOLDER}}
    assert document == {"mcpServers": {"j": server}}


@pytest.mark.parametrize("client", [client for client in McpClient if client is not McpClient.CLAUDE_DESKTOP])
def test_a_client_that_speaks_http_needs_no_bridge(client: McpClient) -> None:
    document = configuration(client, name="jinba", url=URL, secret=SECRET, bridge=["jinba-mcp", "connect"])
    assert document == DOCUMENTS[client]


def test_the_key_never_stands_among_the_arguments_of_a_command() -> None:
    """Arguments of a process are there for every user of the machine to read."""
    for bridge in (None, ["jinba-mcp", "connect"]):
        document = configuration(McpClient.CLAUDE_DESKTOP, name="j", url=URL, secret=SECRET, bridge=bridge)
        servers = document["mcpServers"]
        assert isinstance(servers, dict)
        server = servers["j"]
        assert isinstance(server, dict)
        assert SECRET not in json.dumps([server["command"], server["args"]])
