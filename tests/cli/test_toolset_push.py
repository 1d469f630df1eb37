"""`jinba-mcp toolsets push` and `import`, to a server; `push` on this machine is in test_toolsets.py."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import AddTool, Jinba

GIVEN = """
inputSchema: {type: object, properties: {name: {type: string}}, required: [name]}
outputSchema: {type: object}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ToolSet that any server takes from a key: its schemas are given, so that no code need be read."""
    folder = tmp_path / "wave-tools"
    (folder / "tools" / "wave").mkdir(parents=True)
    (folder / "toolset.yml").write_text("name: Waves\nmcpEnabled: true\n")
    (folder / "tools" / "wave" / "tool.yml").write_text(f"name: Wave\n{GIVEN}")
    (folder / "tools" / "wave" / "main.py").write_text("def run(name: str) -> dict:\n    return {'to': name}\n")
    return folder


def changed(folder: Path) -> Path:
    with (folder / "tools" / "wave" / "main.py").open("a") as code:
        code.write("# changed\n")
    return folder


def test_a_push_says_the_same_wherever_it_goes(either: Jinba, folder: Path) -> None:
    new = {"slug": "wave-tools", "state": "new", "version": "1.0.0", "publishedVersion": "1.0.0", "problem": None}
    first = either("toolsets", "push", str(folder), "--json")
    assert (first.code, json.loads(first.out)["data"]) == (0, [new]), first.err
    assert either("toolsets", "push", str(folder), "--json").json["data"] == [{**new, "state": "unchanged"}]
    ended = either("toolsets", "push", str(changed(folder)), "--no-activate")
    assert ended.out == "wave-tools: new, 1.0.1 (not active; 1.0.0 is)\n"
    assert either("toolsets", "push", str(changed(folder)), "--draft").out == "wave-tools: draft saved\n"
    assert either("toolsets", "diff", "wave-tools", "1.0.1", "draft").out == "~ wave (code)\n"


def test_a_version_that_was_yanked_is_made_active_again_by_a_push(either: Jinba, folder: Path) -> None:
    either("toolsets", "push", str(folder))
    either("toolsets", "yank", "wave-tools", "1.0.0")
    either("toolsets", "yank", "wave-tools", "1.0.0", "--undo")
    assert either("toolsets", "push", str(folder)).out == "wave-tools: unchanged, 1.0.0 (active)\n"


def test_one_that_is_refused_keeps_no_other_out(either: Jinba, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "broken-tools"
    other.mkdir()
    (other / "toolset.yml").write_text("name: [\n")
    both = tmp_path / "both"
    both.mkdir()
    for each in (folder, other):
        each.rename(both / each.name)
    ended = either("toolsets", "push", str(both), "--json")
    assert ended.code == 1
    assert [(each["slug"], each["state"]) for each in ended.json["data"]] == [
        ("broken-tools", "failed"), ("wave-tools", "new"),
    ]  # fmt: skip
    assert "line 2, column 1" in ended.err


def test_an_archive_becomes_a_draft(either: Jinba, folder: Path, tmp_path: Path) -> None:
    either("toolsets", "push", str(folder))
    archive = tmp_path / "waves.zip"
    assert either("toolsets", "export", "wave-tools", "-o", str(archive)).code == 0
    ended = either("toolsets", "import", str(archive), "--as", "other-tools")
    assert (ended.code, ended.out) == (0, "other-tools: draft saved, with 1 tools\n"), ended.err
    assert "jinba-mcp toolsets publish other-tools" in ended.err
    assert either("toolsets", "versions", "other-tools", "--json").json["data"] == []
    piped = either("toolsets", "import", "-", "--json", stdin=archive.read_bytes()).json
    assert (piped["slug"], [tool["slug"] for tool in piped["tools"]]) == ("wave-tools", ["wave"])


def test_a_file_that_is_no_archive_is_refused(either: Jinba, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK")
    assert "not a ZIP file" in either("toolsets", "import", str(tmp_path / "x.zip")).err
    ended = either("toolsets", "import", str(tmp_path / "nowhere.zip"))
    assert (ended.code, "cannot be read" in ended.err) == (1, True)


def test_a_toolset_is_shown_and_deleted(either: Jinba, folder: Path) -> None:
    either("toolsets", "push", str(folder))
    shown = either("toolsets", "show", "wave-tools").out.splitlines()
    assert (shown[1].split(), shown[-1].split()) == (["Name", "Waves"], ["wave", "Wave"])
    assert [tool["slug"] for tool in either("toolsets", "show", "wave-tools", "--json").json["tools"]] == ["wave"]
    ended = either("toolsets", "delete", "wave-tools")
    assert (ended.code, ended.out) == (1, "")
    assert either("toolsets", "delete", "wave-tools", "--confirm", "wave-tools").out == "Deleted wave-tools.\n"
    assert either("toolsets", "show", "wave-tools").code == 1


def test_a_deletion_is_asked_about_at_a_terminal(greeter: Jinba) -> None:
    kept = greeter("toolsets", "delete", "greeting-tools", stdin=b"n\n", is_terminal=True)
    assert (kept.code, "Nothing was deleted" in kept.err) == (1, True)
    assert greeter("toolsets", "delete", "greeting-tools", stdin=b"y\n", is_terminal=True).code == 0
    assert greeter("toolsets", "show", "greeting-tools").code == 1


def test_an_operators_folder_stays_the_operators(jinba: Jinba, add_tool: AddTool) -> None:
    """Code that came from this machine's disk may run in process, which no key's may."""
    assert jinba("toolsets", "push", str(add_tool())).code == 0
    assert jinba("toolsets", "versions", "greeting-tools", "--json").json["data"][0]["origin"] == "operator"
    assert jinba("tools", "run", "greeting-tools/greet", "name=Al").code == 0
