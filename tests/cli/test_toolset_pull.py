"""`jinba-mcp toolsets pull` and `export`."""

import zipfile
from pathlib import Path

import pytest

from jinba_mcp.authoring.folder import read_folder
from tests.cli.conftest import GREET, AddTool, Jinba


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to stand in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_a_toolset_is_written_as_a_folder(either: Jinba, here: Path) -> None:
    ended = either("toolsets", "pull", "greeting-tools")
    assert (ended.code, ended.out) == (0, "greeting-tools: 3 of 3 files written to greeting-tools\n"), ended.err
    folder = read_folder(here / "greeting-tools")
    assert [(tool.slug, tool.code) for tool in folder.tools] == [("greet", GREET)]
    again = either("toolsets", "pull", "greeting-tools", "--json").json
    assert (len(again["files"]), again["written"]) == (3, [])


def test_what_says_the_same_is_left_as_it_is_written(greeter: Jinba, add_tool: AddTool) -> None:
    folder = add_tool()
    greeter("toolsets", "push", str(folder))
    yml = f"# ours\n{(folder / 'toolset.yml').read_text()}"
    (folder / "toolset.yml").write_text(yml)
    assert greeter("toolsets", "pull", "greeting-tools", str(folder)).code == 0
    assert (folder / "toolset.yml").read_text() == yml


def test_what_says_something_else_is_not_written_over_unless_forced(greeter: Jinba, add_tool: AddTool) -> None:
    folder = add_tool(GREET + "\n# mine")
    ended = greeter("toolsets", "pull", "greeting-tools", str(folder))
    assert (ended.code, ended.out) == (1, "")
    assert "tools/greet/main.py" in ended.err
    assert "# mine" in (folder / "tools" / "greet" / "main.py").read_text()
    written = greeter("toolsets", "pull", "greeting-tools", str(folder), "--force", "--json").json["written"]
    assert "tools/greet/main.py" in written
    assert (folder / "tools" / "greet" / "main.py").read_text() == GREET


def test_what_the_registry_does_not_have_stays_and_is_told(greeter: Jinba, add_tool: AddTool) -> None:
    folder = add_tool(tool="wave")
    greeter("toolsets", "pull", "greeting-tools", str(folder), "--force")
    assert (folder / "tools" / "wave" / "main.py").exists()
    assert (
        "tools/wave/main.py is not in greeting-tools"
        in greeter("toolsets", "pull", "greeting-tools", str(folder), "--force").err
    )


def test_a_folder_that_cannot_be_read_is_in_the_way(greeter: Jinba, add_tool: AddTool) -> None:
    folder = add_tool()
    (folder / "toolset.yml").write_text("name: [")
    assert greeter("toolsets", "pull", "greeting-tools", str(folder)).code == 1
    assert greeter("toolsets", "pull", "greeting-tools", str(folder), "--force").code == 0
    assert read_folder(folder).name == "The greeting-tools"


def test_an_older_version_can_be_had(greeter: Jinba, add_tool: AddTool, here: Path) -> None:
    greeter("toolsets", "push", str(add_tool(GREET + "\n# new")))
    greeter("toolsets", "pull", "greeting-tools", "old", "--version", "1.0.0")
    assert "# new" not in (here / "old" / "tools" / "greet" / "main.py").read_text()


def test_an_archive_goes_out_and_comes_in_under_another_name(either: Jinba, here: Path) -> None:
    ended = either("toolsets", "export", "greeting-tools", "--json")
    assert ended.json["path"] == str(here / "greeting-tools.zip")
    assert "greeting-tools/tools/greet/main.py" in zipfile.ZipFile(here / "greeting-tools.zip").namelist()
    assert either("toolsets", "export", "greeting-tools").code == 1, "it is there already"
    assert either("toolsets", "export", "greeting-tools", "--force").code == 0
    assert either("toolsets", "export", "greeting-tools", "-o", "-", "--json").code == 2


def test_an_unknown_toolset_is_refused_and_nothing_written(either: Jinba, here: Path) -> None:
    for verb in ("pull", "export"):
        ended = either("toolsets", verb, "nothing")
        assert (ended.code, ended.out) == (1, "")
        assert "There is no ToolSet 'nothing'" in ended.err
    assert list(here.iterdir()) == []
