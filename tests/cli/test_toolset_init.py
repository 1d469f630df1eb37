"""`jinba-mcp toolsets init`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jinba


def test_a_new_folder_is_made_and_what_to_do_next_is_said(run_jinba: Jinba, tmp_path: Path) -> None:
    folder = tmp_path / "my-tools"
    ended = run_jinba("toolsets", "init", str(folder))
    assert ended.code == 0
    assert f"jinba-mcp toolsets dev {folder}" in ended.out
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "README.md", "main.py", "tool.yml", "toolset.yml",
    ]  # fmt: skip


def test_it_may_be_in_typescript(run_jinba: Jinba, tmp_path: Path) -> None:
    made = run_jinba("toolsets", "init", str(tmp_path / "my-tools"), "--typescript", "--json").json
    assert made["slug"] == "my-tools"
    assert "tools/greet/main.ts" in made["files"]
    assert "language: typescript" in (tmp_path / "my-tools" / "toolset.yml").read_text()


def test_an_empty_folder_is_taken(run_jinba: Jinba, tmp_path: Path) -> None:
    (tmp_path / "my-tools").mkdir()
    assert run_jinba("toolsets", "init", str(tmp_path / "my-tools")).code == 0


def test_a_folder_with_anything_in_it_is_left_alone(run_jinba: Jinba, tmp_path: Path) -> None:
    (tmp_path / "my-tools").mkdir()
    (tmp_path / "my-tools" / "notes.txt").touch()
    ended = run_jinba("toolsets", "init", str(tmp_path / "my-tools"))
    assert (ended.code, ended.out) == (1, "")
    assert "not empty" in ended.err
    assert [path.name for path in (tmp_path / "my-tools").iterdir()] == ["notes.txt"]


def test_a_file_of_that_name_is_left_alone(run_jinba: Jinba, tmp_path: Path) -> None:
    (tmp_path / "my-tools").touch()
    assert run_jinba("toolsets", "init", str(tmp_path / "my-tools")).code == 1


@pytest.mark.parametrize("name", ["My Tools", "tools_", "-x"])
def test_a_name_that_is_no_slug_is_misuse(run_jinba: Jinba, tmp_path: Path, name: str) -> None:
    ended = run_jinba("toolsets", "init", str(tmp_path / name))
    assert ended.code == 2
    assert "lower-case letters" in ended.err
    assert not (tmp_path / name).exists()
