"""`jinba-mcp tools`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import AddTool, Jinba

RICH = """
from jinba_mcp.authoring import Image, Text

def run() -> list[Text | Image]:
    return [Text(text="A picture"), Image(data=b"png")]
"""


def test_tools_are_listed_by_their_address(greeter: Jinba) -> None:
    row = greeter("tools", "list").out.splitlines()[1]
    assert row.split() == ["greeting-tools/greet", "The", "greet", "Does", "it."]
    tools = greeter("tools", "list", "--toolset", "greeting-tools", "--json").json["data"]
    assert [(tool["toolSetSlug"], tool["slug"]) for tool in tools] == [("greeting-tools", "greet")]
    assert tools[0]["inputSchema"]["required"] == ["name"]


def test_tools_of_an_unknown_toolset_are_refused(greeter: Jinba) -> None:
    assert greeter("tools", "list", "--toolset", "nothing").code == 1


def test_running_a_tool_prints_its_output_and_nothing_else_on_standard_output(greeter: Jinba) -> None:
    ended = greeter("tools", "run", "greeting-tools/greet", "name=Alice", "count=2")
    assert (ended.code, json.loads(ended.out)) == (0, {"message": "Hello, Alice!, Hello, Alice!"})
    assert ended.err == "greeting\n"


@pytest.mark.parametrize("given", [["--input", '{"name": "Alice"}'], ["-i", "-"]])
def test_arguments_may_come_as_one_object(greeter: Jinba, given: list[str]) -> None:
    ended = greeter("tools", "run", "greeting-tools/greet", *given, "--json", stdin=b'{"name": "Alice"}')
    assert (ended.code, ended.json["output"]) == (0, {"message": "Hello, Alice!"})


def test_arguments_may_come_from_a_file(greeter: Jinba, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"name": "Alice"}')
    file = str(tmp_path / "input.json")
    ended = greeter("tools", "run", "greeting-tools/greet", "--input-file", file)
    assert json.loads(ended.out) == {"message": "Hello, Alice!"}


def test_a_tool_that_fails_fails_the_command_with_its_reason(jinba: Jinba, add_tool: AddTool) -> None:
    jinba("toolsets", "push", str(add_tool("def run() -> dict:\n    raise ValueError('out of greetings')")))
    ended = jinba("tools", "run", "greeting-tools/greet")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: ValueError: out of greetings\nSee 'jinba-mcp runs show run_")
    as_json = jinba("tools", "run", "greeting-tools/greet", "--json")
    assert (as_json.code, as_json.json["success"], as_json.json["error"]["name"]) == (1, False, "ValueError")


def test_text_is_printed_as_text(jinba: Jinba, add_tool: AddTool) -> None:
    jinba("toolsets", "push", str(add_tool("def run() -> str:\n    return 'two\\nlines'")))
    assert jinba("tools", "run", "greeting-tools/greet").out == "two\nlines\n"


def test_rich_content_is_printed_block_by_block(jinba: Jinba, add_tool: AddTool) -> None:
    jinba("toolsets", "push", str(add_tool(RICH)))
    text, _, block = jinba("tools", "run", "greeting-tools/greet").out.partition("\n")
    assert text == "A picture"
    assert json.loads(block) == {"type": "image", "data": "cG5n", "mimeType": "image/png"}


def test_arguments_that_do_not_fit_fail_with_each_fault(greeter: Jinba) -> None:
    ended = greeter("tools", "run", "greeting-tools/greet", "count=2")
    assert (ended.code, ended.out) == (1, "")
    assert '"name" is a required property' in ended.err
    assert greeter("runs", "list", "--status", "failed", "--json").json["data"][0]["input"] == {"count": 2}


def test_an_older_version_can_be_run(greeter: Jinba, add_tool: AddTool) -> None:
    greeter("toolsets", "push", str(add_tool("def run(name: str) -> str:\n    return 'new'")))
    old = greeter("tools", "run", "greeting-tools/greet", "name=Alice", "--version", "1.0.0", "--json").json
    new = greeter("tools", "run", "greeting-tools/greet", "name=Alice", "--json").json
    assert (old["version"], new["version"], new["output"]) == ("1.0.0", "1.0.1", "new")


@pytest.mark.parametrize(
    "arguments",
    [
        ["greeting-tools"],
        ["/greet"],
        ["greeting-tools/greet", "name"],
        ["greeting-tools/greet", "name=x", "--input", "{}"],
        ["greeting-tools/greet", "--input", "{"],
    ],
)
def test_a_call_that_is_typed_wrong_is_misuse(greeter: Jinba, arguments: list[str]) -> None:
    ended = greeter("tools", "run", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: ")
    assert greeter("runs", "list", "--json").json["data"] == []


@pytest.mark.parametrize("address", ["greeting-tools/nothing", "nothing/greet"])
@pytest.mark.parametrize("given", [["name=x"], ["--input", "{}"]])
def test_an_unknown_tool_is_refused_by_name(greeter: Jinba, address: str, given: list[str]) -> None:
    ended = greeter("tools", "run", address, *given)
    assert (ended.code, ended.out) == (1, "")
    assert "'nothing'" in ended.err
