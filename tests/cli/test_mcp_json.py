"""`jinba-mcp mcp-json`."""

import json
import shlex
from pathlib import Path

import pytest

from jinba_mcp.domain.mcp_config import McpClient
from tests.cli.conftest import Jinba


@pytest.fixture
def local(run_jinba: Jinba, empty_data_dir: Path) -> Jinba:
    return run_jinba


@pytest.mark.parametrize("client", McpClient)
def test_every_client_gets_one_document_with_the_url_and_the_key(local: Jinba, client: McpClient) -> None:
    ended = local("mcp-json", "--client", client.value, "--key", "jtb_x", "--json")
    assert (ended.code, ended.err) == (0, "")
    (servers,) = ended.json.values()
    assert "http://127.0.0.1:8700/mcp" in json.dumps(servers["jinba"])
    assert "jtb_x" in json.dumps(servers["jinba"])


def test_claude_desktop_gets_this_program_as_its_bridge_or_mcp_remote(local: Jinba) -> None:
    ours = local("mcp-json", "--client", "claude-desktop", "--json").json["mcpServers"]["jinba"]
    assert ours["args"] == ["connect", "http://127.0.0.1:8700/mcp"]
    theirs = local("mcp-json", "--client", "claude-desktop", "--remote", "--json").json["mcpServers"]["jinba"]
    assert (theirs["command"], theirs["args"][1]) == ("npx", "mcp-remote")


def test_claude_code_is_told_the_command_that_does_it(local: Jinba) -> None:
    ended = local("mcp-json", "--client", "claude-code", "--toolset", "greeting-tools", "--key", "jtb_x")
    words = shlex.split(ended.err.strip().partition(": ")[2])
    assert words[:4] == ["claude", "mcp", "add-json", "greeting-tools"]
    assert json.loads(words[4]) == ended.json["mcpServers"]["greeting-tools"]


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ([], "http://127.0.0.1:8700/mcp"),
        (["--org", "acme"], "http://127.0.0.1:8700/v1/orgs/acme/mcp"),
        (["--toolset", "a"], "http://127.0.0.1:8700/v1/orgs/default/toolsets/a/mcp"),
        (["--toolset", "a@1.0.0", "--org", "acme"], "http://127.0.0.1:8700/v1/orgs/acme/toolsets/a@1.0.0/mcp"),
        (["--url", "https://tools.example.com/base/"], "https://tools.example.com/base/mcp"),
    ],
)
def test_the_url_is_that_of_what_is_asked_for(local: Jinba, options: list[str], url: str) -> None:
    (server,) = local("mcp-json", "--client", "cursor", *options, "--json").json["mcpServers"].values()
    assert server["url"] == url


def test_behind_a_proxy_the_public_url_is_the_base(local: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_PUBLIC_URL", "https://tools.example.com/")
    server = local("mcp-json", "--client", "cursor", "--json").json["mcpServers"]["jinba"]
    assert server["url"] == "https://tools.example.com/mcp"


def test_the_key_comes_from_the_environment_or_a_placeholder_stands_for_it(
    local: Jinba, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = local("mcp-json", "--client", "cursor")
    assert "YOUR_JINBA_API_KEY" in ended.out
    assert "keys create" in ended.err
    monkeypatch.setenv("JINBA_API_KEY", "jtb_env")
    ended = local("mcp-json", "--client", "cursor")
    assert "Bearer jtb_env" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    "options",
    [
        ["--client", "emacs"],
        [],
        ["--client", "cursor", "--toolset", "No Slug"],
        ["--client", "cursor", "--org", "../x"],
        ["--client", "cursor", "--url", "tools.example.com"],
        ["--client", "cursor", "--url", "https://tools.example.com/?q"],
    ],
)
def test_what_makes_no_configuration_is_misuse(local: Jinba, options: list[str]) -> None:
    ended = local("mcp-json", *options)
    assert (ended.code, ended.out) == (2, "")
