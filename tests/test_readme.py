"""What README says is what the code does: tables, commands, rooms and links are held against it."""

import importlib
import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from jinba_mcp.cli import NOUNS
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.faces.rest.routes import OPERATIONS
from jinba_mcp.faces.web.error_docs import documented_errors
from jinba_mcp.faces.web.problems import status_of
from jinba_mcp.settings import PREFIX, Settings
from tests.test_settings import sentences

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def settings_table() -> str:
    """Every setting, as README shows it."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, sentence in sentences().items():
        default = Settings.model_fields[name].default
        rows.append(f"| `{PREFIX}{name.upper()}` | {_default(name, default)} | {sentence} |")
    return "\n".join(rows)


def _default(name: str, value: object) -> str:
    if name == "data_dir":
        return "the platform's data directory"
    if value is None or value == ():
        return ""
    assert value is not PydanticUndefined
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{str(value).lower()}`"


def errors_table() -> str:
    """Every error that a caller may see, as README shows it."""
    rows = ["| code | status | what it means |", "|---|---|---|"]
    rows += [
        f"| `{error.code}` | {status_of(error)} | {' '.join((error.__doc__ or '').split())} |"
        for error in documented_errors()
    ]
    return "\n".join(rows)


def test_the_settings_table_is_the_settings() -> None:
    assert settings_table() in README


def test_the_error_table_is_the_error_tree() -> None:
    assert errors_table() in README


def test_every_error_says_what_it_means() -> None:
    assert [error.__name__ for error in documented_errors() if not (error.__doc__ or "").strip()] == []


def test_every_room_is_in_the_picture() -> None:
    picture = README[README.index("## The rooms") :]
    rooms = [path.name for path in (ROOT / "jinba_mcp").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"{room}/" not in picture] == []


def test_every_command_that_readme_types_exists() -> None:
    typed = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?jinba-mcp ([a-z-]+)(?: ([a-z-]+))?", README, flags=re.MULTILINE)
    assert typed
    for name, sub in typed:
        assert name in NOUNS, name
        group = importlib.import_module(f"jinba_mcp.cli.{name.replace('-', '_')}").app
        subcommands = [command.name or command.callback.__name__ for command in group.registered_commands]
        assert sub in subcommands or subcommands == [name.replace("-", "_")], (name, sub)


def test_every_make_target_that_readme_types_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$? ?make ([a-z-]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_path_that_readme_names_is_served() -> None:
    served = {operation.path for operation in OPERATIONS} | {
        "/mcp",
        "/v1/orgs/{org}/mcp",
        "/v1/orgs/{org}/toolsets/{slug}/mcp",
        "/v1/orgs/{org}/toolsets/{slug}@{version}/mcp",
        "/v1/public/{org}/{slug}/mcp",
    }
    named = set(re.findall(r"`(?:GET |POST |PUT |DELETE |PATCH )?(/[a-zA-Z0-9/{}@._-]+)`", README))
    assert named - served == set()


def test_every_client_has_a_line() -> None:
    assert [client for client in McpClient if f"`{client.value}`" not in README] == []


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
