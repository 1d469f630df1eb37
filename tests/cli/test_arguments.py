"""The arguments of a tool as they are typed."""

import io
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from jinba_mcp.cli import arguments
from jinba_mcp.cli.output import Misused
from jinba_mcp.domain.records import JsonObject

SCHEMA: JsonObject = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}}


def test_words_become_what_the_schema_wants() -> None:
    pairs = ["name=7", "count=7", 'tags=["a"]', "other=a=b", "empty=", "flag=true"]
    assert arguments.from_pairs(pairs, SCHEMA) == {
        "name": "7",
        "count": 7,
        "tags": ["a"],
        "other": "a=b",
        "empty": "",
        "flag": True,
    }


OPTIONAL = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (OPTIONAL, "01712345678.10", "01712345678.10"),
        (OPTIONAL, "1712345678.10", "1712345678.10"),
        (OPTIONAL, "true", "true"),
        (OPTIONAL, "[1]", "[1]"),
        (OPTIONAL, "null", None),
        (OPTIONAL, '"quoted"', "quoted"),
        ({"type": ["string", "null"]}, "7", "7"),
        ({"oneOf": [{"type": "string"}, {"type": "array"}]}, "7", "7"),
        ({"oneOf": [{"type": "string"}, {"type": "array"}]}, "[7]", [7]),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "7", 7),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Size"}]}, "7", 7),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "true", True),
        (True, "7", 7),
    ],
)
def test_words_are_text_where_that_is_all_that_they_may_be(schema: JsonValue, text: str, value: JsonValue) -> None:
    assert arguments.from_pairs([f"a={text}"], {"properties": {"a": schema}}) == {"a": value}


@pytest.mark.parametrize("pairs", [["name"], ["=x"], ["a=1", "a=2"]])
def test_words_that_are_no_arguments_are_misuse(pairs: list[str]) -> None:
    with pytest.raises(Misused):
        arguments.from_pairs(pairs, {})


def test_a_schema_without_properties_is_no_hindrance() -> None:
    assert arguments.from_pairs(["a=1"], {"type": "object"}) == {"a": 1}


def test_the_object_comes_from_text_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"a": 1}')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}')))
    assert arguments.read('{"a": 1}', None, 100) == {"a": 1}
    assert arguments.read(None, file, 100) == {"a": 1}
    assert arguments.read("-", None, 100) == {"a": 1}
    assert arguments.read(None, None, 100) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ('{"a": NaN}', "is not JSON"), ("[1]", "no object"), ("\udcff", "is not JSON")],
)
def test_text_that_is_no_json_object_is_misuse(text: str, said: str) -> None:
    with pytest.raises(Misused, match=said):
        arguments.read(text, None, 100)


def test_files_have_to_be_readable_and_within_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    with pytest.raises(Misused, match="cannot be read"):
        arguments.read(None, file, 100)
    file.write_text('{"a": "' + "x" * 100 + '"}')
    with pytest.raises(Misused, match="over 100 bytes"):
        arguments.read(None, file, 100)


def test_the_object_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="not both"):
        arguments.read("{}", tmp_path, 100)
