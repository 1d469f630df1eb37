"""`jinba-mcp env`: set without leaving a trace, listed without values, sealed anew."""

import base64
import json
from pathlib import Path

import pytest

from tests.cli.conftest import AddTool, Jinba

SECRET = "hunter2-hunter2"


@pytest.fixture
def toolset(jinba: Jinba, add_tool: AddTool) -> str:
    folder = add_tool()
    assert jinba("toolsets", "push", str(folder)).code == 0
    return "greeting-tools"


def test_a_value_is_set_and_unset_here_and_on_a_server(either: Jinba) -> None:
    made = either("env", "set", "greeting-tools", "REGION", "--value", "eu", "--json").json
    assert (made["key"], made["value"], made["secret"], made["isSet"]) == ("REGION", "eu", False, True)
    secret = either("env", "set", "greeting-tools", "TOKEN", "--secret", stdin=SECRET.encode())
    assert secret.out == "Set TOKEN (secret); the next run of greeting-tools gets it.\n"
    listed = either("env", "list", "greeting-tools", "--json")
    assert [(each["key"], each["value"]) for each in listed.json["data"]] == [("REGION", "eu"), ("TOKEN", None)]
    assert SECRET not in listed.out + either("env", "list", "greeting-tools").out
    assert either("env", "unset", "greeting-tools", "REGION").out == "Unset REGION.\n"
    again = either("env", "unset", "greeting-tools", "REGION")
    assert (again.code, again.out) == (1, "")


def listed(jinba: Jinba) -> dict[str, object]:
    return {each["key"]: each for each in json.loads(jinba("env", "list", "greeting-tools", "--json").out)["data"]}


def test_a_plain_value_is_set_listed_and_unset(jinba: Jinba, toolset: str) -> None:
    ended = jinba("env", "set", toolset, "REGION", "--value", "eu")
    assert (ended.code, ended.out) == (0, "Set REGION; the next run of greeting-tools gets it.\n")
    assert "REGION" in jinba("env", "list", toolset).out
    assert "eu" in jinba("env", "list", toolset).out
    assert jinba("env", "unset", toolset, "REGION").code == 0
    again = jinba("env", "unset", toolset, "REGION")
    assert (again.code, "REGION" in again.err) == (1, True)


def test_a_secret_comes_from_the_input_and_is_shown_nowhere(jinba: Jinba, toolset: str) -> None:
    ended = jinba("env", "set", toolset, "TOKEN", "--secret", "--json", stdin=f"{SECRET}\n".encode())
    assert ended.code == 0
    assert json.loads(ended.out)["secret"] is True
    for shown in (ended.out, ended.err, jinba("env", "list", toolset).out, jinba("env", "list", toolset, "--json").out):
        assert SECRET not in shown


def test_a_secret_on_the_command_line_is_refused(jinba: Jinba, toolset: str) -> None:
    ended = jinba("env", "set", toolset, "TOKEN", "--secret", "--value", SECRET)
    assert (ended.code, "history" in ended.err) == (2, True)
    assert listed(jinba) == {}


def test_a_key_that_cannot_be_one_is_refused(jinba: Jinba, toolset: str) -> None:
    ended = jinba("env", "set", toolset, "lower", "--value", "1")
    assert (ended.code, "KEY" in ended.err) == (2, True)


def test_secrets_are_sealed_anew(jinba: Jinba, toolset: str) -> None:
    jinba("env", "set", toolset, "TOKEN", "--secret", stdin=SECRET.encode())
    ended = jinba("env", "rotate")
    assert (ended.code, ended.out) == (0, "Sealed 1 secrets under the new key.\n")


def test_a_new_key_is_32_bytes(jinba: Jinba, tmp_path: Path) -> None:
    ended = jinba("env", "new-key")
    assert (ended.code, len(base64.b64decode(ended.out))) == (0, 32)
    assert list(tmp_path.glob("*.key")) == []


def test_each_command_answers_in_json_too(jinba: Jinba, toolset: str) -> None:
    jinba("env", "set", toolset, "TOKEN", "--secret", stdin=SECRET.encode())

    assert jinba("env", "rotate", "--json").json == {"resealed": 1}
    assert jinba("env", "unset", toolset, "TOKEN", "--json").json == {"key": "TOKEN", "unset": True}
    assert len(base64.urlsafe_b64decode(jinba("env", "new-key", "--json").json["key"])) == 32


def test_a_value_is_typed_where_there_is_a_terminal(
    jinba: Jinba, toolset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def prompt(key: str, *, hide_input: bool, err: bool) -> str:
        asked.append((key, hide_input))
        return SECRET

    monkeypatch.setattr("typer.prompt", prompt)

    assert jinba("env", "set", toolset, "TOKEN", "--secret", is_terminal=True).code == 0
    assert jinba("env", "set", toolset, "REGION", is_terminal=True).code == 0
    assert asked == [("TOKEN", True), ("REGION", False)]
