"""What the examples' files say is what the product says."""

import re
from pathlib import Path

import pytest

from jinba_mcp.authoring.folder import read_folder
from jinba_mcp.cli import NOUNS
from jinba_mcp.domain import mcp_config
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.faces.web import sites
from jinba_mcp.settings import CLIENT_VARIABLES, Settings
from tests.examples import programs

BRIDGE = ["jinba-mcp", "connect"]
CLIENT_FILES = {
    "cursor_mcp.json": McpClient.CURSOR,
    "vscode_mcp.json": McpClient.VSCODE,
    "claude_desktop_config.json": McpClient.CLAUDE_DESKTOP,
}


@pytest.mark.parametrize(("file", "client"), CLIENT_FILES.items())
def test_a_configuration_is_what_the_product_makes_for_that_client(file: str, client: McpClient) -> None:
    url = sites.everything_endpoint(f"http://127.0.0.1:{Settings.model_fields['port'].default}")
    made = mcp_config.configuration(client, name="jinba", url=url, secret=None, bridge=BRIDGE)
    assert programs.configuration(file) == made


def test_every_example_is_in_the_table_and_every_line_of_it_is_an_example() -> None:
    shown = {path.name for path in programs.FOLDER.iterdir() if path.name not in ("README.md", "__pycache__")}
    assert programs.documented().keys() == shown


def test_every_command_in_the_readme_exists() -> None:
    named = re.findall(r"jinba-mcp ([a-z-]+)", programs.README)
    assert named
    assert set(named) <= NOUNS.keys()


def test_the_variables_are_those_that_the_product_leaves_to_clients() -> None:
    named = set(re.findall(r"^\| `(JINBA_[A-Z_]+)` \|", programs.README, flags=re.MULTILINE))
    assert named == {"JINBA_URL", "JINBA_API_KEY"}
    assert named <= CLIENT_VARIABLES


def test_the_programs_look_for_the_server_where_it_listens_by_default() -> None:
    listens = f"http://{Settings.model_fields['host'].default}:{Settings.model_fields['port'].default}"
    silent = [
        file for file in ("mcp_client.py", "rest_client.py", "rest.sh", "README.md") if listens not in _text(file)
    ]
    assert silent == []


def _text(file: str) -> str:
    return (programs.FOLDER / file).read_text()


def test_my_tools_holds_the_tool_that_the_main_readme_writes() -> None:
    folder = read_folder(programs.FOLDER / "my-tools")
    readme = (programs.FOLDER.parent / "README.md").read_text()
    written = re.findall(r"```python\n(.+?)```", readme, flags=re.DOTALL)
    assert [tool.slug for tool in folder.tools] == ["add", "find-primes", "swatch"]
    assert folder.tools[0].code in written


def test_no_key_was_left_in_an_example() -> None:
    found = [path for path in programs.FOLDER.rglob("*") if path.is_file() and _holds_a_key(path)]
    assert found == []


def _holds_a_key(path: Path) -> bool:
    return re.search(rb"jtb_[0-9A-Za-z]{10}", path.read_bytes()) is not None
