"""`jinba-mcp toolsets`."""

from pathlib import Path

import pytest

from tests.cli.conftest import GREET, AddTool, Jinba


def test_pushing_says_what_is_new_and_what_is_not(jinba: Jinba, add_tool: AddTool) -> None:
    folder = add_tool()
    outcome = {
        "slug": "greeting-tools",
        "state": "new",
        "version": "1.0.0",
        "publishedVersion": "1.0.0",
        "problem": None,
    }
    assert jinba("toolsets", "push", str(folder), "--json").json["data"] == [outcome]
    assert jinba("toolsets", "push", str(folder), "--json").json["data"] == [{**outcome, "state": "unchanged"}]
    add_tool(GREET + "\n# changed")
    assert jinba("toolsets", "push", str(folder)).out == "greeting-tools: new, 1.0.1 (active)\n"


def test_a_folder_of_folders_is_pushed_whole(jinba: Jinba, add_tool: AddTool) -> None:
    add_tool(toolset="a-tools")
    root = add_tool(toolset="b-tools").parent
    assert jinba("toolsets", "push", str(root)).out == "a-tools: new, 1.0.0 (active)\nb-tools: new, 1.0.0 (active)\n"


def test_a_broken_folder_fails_the_command_and_no_other_folder(jinba: Jinba, add_tool: AddTool) -> None:
    add_tool(toolset="a-tools")
    root = add_tool("raise RuntimeError('no')", toolset="b-tools").parent
    ended = jinba("toolsets", "push", str(root), "--json")
    assert ended.code == 1
    assert [(each["slug"], each["state"]) for each in ended.json["data"]] == [("a-tools", "new"), ("b-tools", "failed")]
    assert ended.json["data"][1]["problem"]
    assert "Error: b-tools was not pushed: " in ended.err


def test_a_new_version_may_stay_inactive_until_it_is_activated(greeter: Jinba, add_tool: AddTool) -> None:
    folder = add_tool(GREET + "\n# changed")
    ended = greeter("toolsets", "push", str(folder), "--no-activate")
    assert ended.out == "greeting-tools: new, 1.0.1 (not active; 1.0.0 is)\n"
    assert greeter("toolsets", "activate", "greeting-tools", "1.0.1").out == "greeting-tools 1.0.1 is active.\n"
    back = greeter("toolsets", "activate", "greeting-tools", "1.0.0", "--json").json
    assert (back["publishedVersion"], back["latestVersion"]) == ("1.0.0", "1.0.1")


def test_a_draft_is_saved_without_a_version_and_published_on_its_own(jinba: Jinba, add_tool: AddTool) -> None:
    ended = jinba("toolsets", "push", str(add_tool()), "--draft")
    assert ended.out == "greeting-tools: draft saved\n"
    assert jinba("toolsets", "versions", "greeting-tools", "--json").json["data"] == []
    made = jinba("toolsets", "publish", "greeting-tools", "--version", "2.0.0", "--notes", "First.", "--json").json
    assert (made["version"], made["releaseNotes"]) == ("2.0.0", "First.")
    assert jinba("toolsets", "list", "--json").json["data"][0]["publishedVersion"] == "2.0.0"


def test_publishing_the_same_again_is_refused(greeter: Jinba) -> None:
    ended = greeter("toolsets", "publish", "greeting-tools")
    assert (ended.code, ended.out) == (1, "")
    assert "Nothing changed since version 1.0.0" in ended.err
    assert "must exceed the latest, 1.0.0" in greeter("toolsets", "publish", "greeting-tools", "--version", "0.9.0").err
    assert greeter("toolsets", "publish", "greeting-tools", "--version", "1.1.0", "--activate").code == 0
    assert greeter("toolsets", "list", "--json").json["data"][0]["publishedVersion"] == "1.1.0"


def test_versions_are_listed_newest_first_with_the_active_one_marked(greeter: Jinba, add_tool: AddTool) -> None:
    greeter("toolsets", "push", str(add_tool(GREET + "\n# changed")), "--no-activate")
    versions = greeter("toolsets", "versions", "greeting-tools", "--json").json["data"]
    assert [each["version"] for each in versions] == ["1.0.1", "1.0.0"]
    rows = greeter("toolsets", "versions", "greeting-tools").out.splitlines()[1:]
    assert [row.split()[:3] for row in rows] == [["1.0.1", "no", "published"], ["1.0.0", "yes", "published"]]
    assert versions[0]["digest"] in rows[0]


def test_a_diff_names_what_came_what_went_and_what_changed(greeter: Jinba, add_tool: AddTool) -> None:
    add_tool(GREET + "\n# changed")
    greeter("toolsets", "push", str(add_tool(tool="wave")))
    assert greeter("toolsets", "diff", "greeting-tools", "1.0.0", "1.0.1").out == "+ wave\n~ greet (code)\n"
    back = greeter("toolsets", "diff", "greeting-tools", "1.0.1", "1.0.0").out
    assert back.splitlines()[0] == "- wave"
    assert "! wave : the tool is gone" in back
    found = greeter("toolsets", "diff", "greeting-tools", "1.0.1", "1.0.0", "--json").json
    assert (found["fromVersion"], found["toVersion"], found["removed"]) == ("1.0.1", "1.0.0", ["wave"])
    assert [(change["tool"], change["fields"]) for change in found["changed"]] == [("greet", ["code"])]
    assert "-# changed" in found["changed"][0]["code"]
    assert greeter("toolsets", "diff", "greeting-tools", "1.0.0", "1.0.0").out == "Nothing differs.\n"


def test_toolsets_are_listed_for_people(greeter: Jinba) -> None:
    row = greeter("toolsets", "list").out.splitlines()[1]
    assert row.split()[:5] == ["greeting-tools", "1.0.0", "1.0.0", "private", "yes"]


def test_a_directory_without_toolsets_is_refused(jinba: Jinba, tmp_path: Path) -> None:
    ended = jinba("toolsets", "push", str(tmp_path / "toolsets"))
    assert (ended.code, ended.out) == (1, "")
    assert "has no toolset.yml" in ended.err


def test_a_directory_that_is_not_there_is_misuse(jinba: Jinba, tmp_path: Path) -> None:
    ended = jinba("toolsets", "push", str(tmp_path / "nowhere"))
    assert (ended.code, ended.out) == (2, "")
    assert "nowhere" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [["versions", "nothing"], ["activate", "nothing", "1.0.0"], ["publish", "nothing"], ["diff", "nothing", "1", "2"]],
)
def test_an_unknown_toolset_is_refused_by_name(jinba: Jinba, arguments: list[str]) -> None:
    ended = jinba("toolsets", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert "There is no ToolSet 'nothing' here." in ended.err
