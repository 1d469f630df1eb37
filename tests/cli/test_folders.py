"""Loading ToolSets from the operator's folders."""

from pathlib import Path

import pytest

from tests.cli.conftest import AddTool, Jinba


def test_a_registry_without_any_toolset_loads_the_folders_first(jinba: Jinba, add_tool: AddTool) -> None:
    add_tool()
    ended = jinba("toolsets", "list", "--json")
    assert [each["slug"] for each in ended.json["data"]] == ["greeting-tools"]
    assert "Loaded greeting-tools 1.0.0" in ended.err
    assert jinba("toolsets", "list", "--json").err == ""


def test_a_registry_with_a_toolset_is_left_as_it_is(jinba: Jinba, add_tool: AddTool) -> None:
    jinba("toolsets", "push", str(add_tool()))
    add_tool(toolset="other-tools")
    assert [each["slug"] for each in jinba("toolsets", "list", "--json").json["data"]] == ["greeting-tools"]


def test_one_broken_folder_is_told_and_keeps_no_other_out(jinba: Jinba, add_tool: AddTool) -> None:
    add_tool()
    add_tool("def run(", toolset="broken-tools")
    ended = jinba("toolsets", "list", "--json")
    assert [each["slug"] for each in ended.json["data"] if each["publishedVersion"]] == ["greeting-tools"]
    assert "broken-tools was not loaded: " in ended.err


def test_a_folder_that_is_not_there_is_told(jinba: Jinba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_TOOLSETS_DIRS", str(tmp_path / "nowhere"))
    ended = jinba("toolsets", "list", "--json")
    assert (ended.code, ended.json["data"]) == (0, [])
    assert "nowhere was not loaded: " in ended.err


def test_nothing_is_loaded_when_the_operator_wants_none(
    jinba: Jinba, add_tool: AddTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tool()
    monkeypatch.setenv("JINBA_LOAD_TOOLSETS", "false")
    ended = jinba("toolsets", "list")
    assert (ended.code, ended.out, ended.err) == (0, "", "There are none.\n")
