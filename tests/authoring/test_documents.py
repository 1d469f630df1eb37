"""YAML as far as JSON goes."""

import pytest

from jinba_mcp.authoring import documents
from jinba_mcp.domain.errors import FolderInvalid


def test_a_date_stays_text() -> None:
    assert documents.parse("a: 2024-01-31\nb: 3\nc: [true, null, 1.5]\n", "x.yml") == {
        "a": "2024-01-31",
        "b": 3,
        "c": [True, None, 1.5],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x\n", ["x.yml: line 2:", "alias"]),
        ("a: 1\na: 2\n", ["x.yml: line 2:", "'a'", "twice"]),
        ("a: {on: 1}\n", ["x.yml: line 1:", "'on'", "quotes"]),
        ("1: a\n", ["'1'", "quotes"]),
        ("a: [\n", ["x.yml: line 2:"]),
        ("- a\n", ["mapping", "a list"]),
        ("", ["mapping", "empty"]),
        ("true\n", ["mapping", "true or false"]),
        ("12\n", ["mapping", "a number"]),
        ("a: .nan\n", ["x.yml: not usable YAML"]),
        ("a: !!binary aGk=\n", ["x.yml: not usable YAML", "bytes"]),
        ("a: !!python/name:os.system\n", ["x.yml: line 1:", "python"]),
        ('a: "\\ud800"\n', ["x.yml: not usable YAML"]),
        ('a: ["b", {c: "\\0"}]\n', ["NUL"]),
        ("a: " + "[" * 200, ["x.yml: line 1: nested more than 64 deep"]),
        ("- " * 100 + "x", ["x.yml: line 1: nested more than 64 deep"]),
        ("a: " + "9" * 5000, ["x.yml: not usable YAML"]),
        ("a: \x07", ["x.yml: not usable YAML"]),
    ],
)
def test_what_json_does_not_have_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(FolderInvalid) as caught:
        documents.parse(text, "x.yml")

    assert [word for word in words if word not in caught.value.message] == [], caught.value.message


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]

    with pytest.raises(FolderInvalid, match="line 2: aliases"):
        documents.parse("\n".join(lines), "x.yml")
