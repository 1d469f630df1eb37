"""`jinba-mcp toolsets pull` and `export`."""

import resource
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jinba_mcp.authoring.folder import read_folder
from jinba_mcp.cli import toolset_pull
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


@contextmanager
def little_room() -> Iterator[None]:
    """Files of this process do not become longer than 1 KB, which fails like a full disk: after a part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("before", [{}, {"large.zip": b"older"}])
def test_an_archive_is_written_whole_or_not_at_all(
    run_jinba: Jinba, here: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, bytes]
) -> None:
    for name, content in before.items():
        (here / name).write_bytes(content)
    monkeypatch.setattr(toolset_pull, "_exported", lambda *_: bytes(100_000))
    with little_room():
        ended = run_jinba("toolsets", "export", "large", "--force")
    assert (ended.code, ended.out, "cannot be written" in ended.err) == (1, "", True)
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_pulling_leaves_a_file_that_it_cannot_write_as_it_was(
    greeter: Jinba, add_tool: AddTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = add_tool(GREET + "#" * 2_000)
    greeter("toolsets", "push", str(folder))
    archive = toolset_pull._exported("greeting-tools", None, "default")
    monkeypatch.setattr(toolset_pull, "_exported", lambda *_: archive)
    (folder / "tools" / "greet" / "main.py").write_text("# mine")
    with little_room():
        assert greeter("toolsets", "pull", "greeting-tools", str(folder), "--force").code == 1
    assert (folder / "tools" / "greet" / "main.py").read_text() == "# mine"
    assert sorted(path.name for path in (folder / "tools" / "greet").iterdir()) == ["main.py", "tool.yml"]


def test_what_an_archive_goes_to_stays_what_it_is(greeter: Jinba, here: Path) -> None:
    (here / "kept.zip").touch(mode=0o600)
    (here / "link.zip").symlink_to("kept.zip")
    assert greeter("toolsets", "export", "greeting-tools", "--force", "-o", "link.zip").code == 0
    assert (here / "link.zip").is_symlink()
    assert zipfile.is_zipfile(here / "kept.zip")
    assert (here / "kept.zip").stat().st_mode & 0o777 == 0o600
    (here / "null").symlink_to("/dev/null")
    assert greeter("toolsets", "export", "greeting-tools", "--force", "-o", "null").code == 0
    assert (here / "null").is_char_device()


def test_an_unknown_toolset_is_refused_and_nothing_written(either: Jinba, here: Path) -> None:
    for verb in ("pull", "export"):
        ended = either("toolsets", verb, "nothing")
        assert (ended.code, ended.out) == (1, "")
        assert "There is no ToolSet 'nothing'" in ended.err
    assert list(here.iterdir()) == []
