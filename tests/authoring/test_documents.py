"""YAML as far as JSON goes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from jinba_mcp.authoring import documents
from jinba_mcp.domain.errors import FolderInvalid
from jinba_mcp.domain.records import JsonObject

PARTS = (
    *("a", "key: ", ": ", "- ", "? ", "|", ">-", "\n", "\n  ", "\n    ", "  ", "[", "]", "{", "}", ", ", "'", '"', "#"),
    *(" # c", "&x ", "!", "!!str ", "!!int ", "%YAML 1.2\n", "---\n", "...\n", "\t", "\\n", "\r", "1", "1.5", ".inf"),
    *("on", "null", "~", "2020-01-01", "0o7", "é", "\x85", "\ufeff", "\x00", "\ud800", "<<: ", "@", "`", "!="),
)


def test_a_date_stays_text() -> None:
    assert documents.parse("a: 2024-01-31\nb: 3\nc: [true, null, 1.5]\n", "x.yml") == {
        "a": "2024-01-31",
        "b": 3,
        "c": [True, None, 1.5],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x\n", ["x.yml: line 2, column 4:", "alias"]),
        ("a: 1\na: 2\n", ["x.yml: line 2, column 1:", "'a'", "twice"]),
        ("a: {on: 1}\n", ["x.yml: line 1, column 5:", "'on'", "quotes"]),
        ("1: a\n", ["'1'", "quotes"]),
        ("a: [\n", ["x.yml: line 2, column 1:"]),
        ("- a\n", ["mapping", "a list"]),
        ("", ["mapping", "empty"]),
        ("true\n", ["mapping", "true or false"]),
        ("12\n", ["mapping", "a number"]),
        ("a: .nan\n", ["x.yml: not usable YAML"]),
        ("a: !!binary aGk=\n", ["x.yml: not usable YAML", "bytes"]),
        ("a: !!python/name:os.system\n", ["x.yml: line 1, column 4:", "python"]),
        ('a: "\\ud800"\n', ["x.yml: not usable YAML"]),
        ('a: ["b", {c: "\\0"}]\n', ["NUL"]),
        ("a: " + "[" * 200, ["x.yml: line 1, column 68: nested more than 64 deep"]),
        ("- " * 100 + "x", ["x.yml: line 1, column 131: nested more than 64 deep"]),
        ("a: " + "9" * 5000, ["x.yml: not usable YAML"]),
        ("a: \x07", ["x.yml: not usable YAML"]),
        ("a: !!int\n", ["x.yml: not usable YAML"]),
        ("a: !!bool maybe\n", ["x.yml: not usable YAML"]),
        ("a: !!timestamp soon\n", ["x.yml: not usable YAML"]),
        ("a: 1 \t-\n", ["x.yml: line 1, column 6:"]),
        ("a: |#b\n", ["x.yml: line 1, column 5:"]),
    ],
)
def test_what_json_does_not_have_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(FolderInvalid) as caught:
        documents.parse(text, "x.yml")

    assert [word for word in words if word not in caught.value.message] == [], caught.value.message


@pytest.mark.parametrize("lines", ["", "#\t\n"], ids=["fast", "in Python"])
def test_a_file_has_so_many_values_and_no_more(lines: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_NODES", 100)
    assert documents.parse(f"{lines}a: [{'b,' * 97}]\n", "x.yml") == {"a": ["b"] * 97}
    with pytest.raises(FolderInvalid, match=r"x\.yml: more than 100 keys and values"):
        documents.parse(f"{lines}a: [{'b,' * 98}]\n", "x.yml")


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]

    with pytest.raises(FolderInvalid, match="line 2, column 10: aliases"):
        documents.parse("\n".join(lines), "x.yml")


@pytest.mark.parametrize(
    "text", ["\x85", "\u2028", "a\u2029b", "\ufeff", "a\nb\x85", "\r", "\r\n", " \n", "\n a", "\x7f", "🐎"]
)
def test_what_is_dumped_is_parsed_as_the_same(text: str) -> None:
    fields: JsonObject = {"name": text, "list": [text, {text: text}]}
    assert documents.parse(documents.dump(fields), "toolset.yml") == fields
    assert documents.parse(documents.dump(fields, max_bytes=0), "toolset.yml") == fields


@given(text=st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
@example(text="a: !\n")
@example(text="\ufeffa: \ufeffb\n")
def test_both_parsers_read_the_same_or_the_one_in_python_is_asked(text: str) -> None:
    read = [_read(loader, text) for loader in (documents._FastLoader, documents._Loader)]
    if documents._READ_IN_TWO_WAYS.search(text) is None and read[0] is not None:
        assert read[0] == read[1]


def test_the_shipped_folders_need_the_one_in_python_nowhere() -> None:
    files = [path for path in (Path(__file__).parents[2] / "toolsets").rglob("*") if path.suffix in (".yml", ".lock")]
    assert len(files) > 20
    for path in files:
        text = path.read_text()
        assert documents._READ_IN_TWO_WAYS.search(text) is None, path
        assert _read(documents._FastLoader, text) == _read(documents._Loader, text) is not None, path


def _read(loader: Any, text: str) -> str | None:
    try:
        return repr(yaml.load(text, Loader=loader))  # noqa: S506  both are safe ones
    except (yaml.YAMLError, *documents._UNREADABLE):
        return None
