"""JSON in and out: strict both ways, and one canonical form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody
from tests.domain.generated import JSON, TEXT, modestly


@modestly
@given(JSON)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    assert json_values.parse(json_values.dump(value)) == value
    assert json_values.parse(json_values.dump(value).encode()) == value


@modestly
@given(JSON)
def test_what_is_written_is_json_to_any_other_reader(value: Any) -> None:
    assert json.loads(json_values.dump(value)) == value


@modestly
@given(st.text() | st.binary())
def test_whatever_is_sent_is_read_or_refused_and_what_is_read_can_be_written(raw: str | bytes) -> None:
    try:
        value = json_values.parse(raw)
    except MalformedBody:
        return
    assert json_values.parse(json_values.dump(value)) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b"nope",
        b"01",
        b"1 2",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b'{"a": [{"b": -1e400}]}',
        b"9" * 400 + b".5",
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"\xff\xfe1\x00",
        b'"\\ud800"',
        b'"a\nb"',
        b"[" * 250 + b"]" * 250,
        b'{"a":' * 250 + b"1" + b"}" * 250,
        b"1" * 5_000,
        '"\ud800"',
    ],
)
def test_what_is_not_json_is_refused(raw: bytes | str) -> None:
    with pytest.raises(MalformedBody, match=r"^The body "):
        json_values.parse(raw)


def test_the_refusal_says_where() -> None:
    with pytest.raises(MalformedBody, match="line 2 column 7"):
        json_values.parse(b'{"a": 1,\n "b": ?}')


def test_the_refusal_does_not_repeat_the_body() -> None:
    with pytest.raises(MalformedBody) as refused:
        json_values.parse('{"password": "hunter2" oops')
    assert "hunter2" not in refused.value.message


def test_a_hundred_levels_are_not_too_deep() -> None:
    raw = "[" * 100 + "]" * 100
    assert json_values.dump(json_values.parse(raw)) == raw


def test_large_whole_numbers_keep_every_digit() -> None:
    assert json_values.dump(json_values.parse(b"[9007199254740993, -123456789012345678901234567890]")) == (
        "[9007199254740993,-123456789012345678901234567890]"
    )


def test_text_is_written_compactly_and_as_itself() -> None:
    assert json_values.dump({"a": [1, "é😀"], "b": None}) == '{"a":[1,"é😀"],"b":null}'


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        "\ud800",
        {"\udfff": 1},
        {1, 2},
        b"bytes",
        object(),
        {(1, 2): 3},
        10**5_000,
        _nested(100_000),
    ],
    ids=["nan", "inf", "-inf", "surrogate", "key", "set", "bytes", "object", "tuple", "digits", "depth"],
)
def test_what_json_does_not_have_is_not_written(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  its words are the library's
        json_values.dump(value)


@modestly
@given(st.dictionaries(TEXT, JSON, max_size=6), st.randoms(use_true_random=False))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, Any], order: Any) -> None:
    names = list(value)
    order.shuffle(names)
    assert json_values.canonical({name: value[name] for name in names}) == json_values.canonical(value)


@modestly
@given(JSON, JSON)
def test_different_values_have_different_canonical_forms(one: Any, other: Any) -> None:
    if one != other:
        assert json_values.canonical(one) != json_values.canonical(other)


def test_the_canonical_form_sorts_keys_at_every_depth_but_leaves_lists_alone() -> None:
    assert json_values.canonical({"b": [2, 1], "a": {"d": "é", "c": 1.5}}) == (
        '{"a":{"c":1.5,"d":"é"},"b":[2,1]}'.encode()
    )


@modestly
@given(JSON)
def test_what_is_written_in_a_hurry_means_the_same(value: Any) -> None:
    assert json.loads(json_values.written(value)) == json.loads(json_values.dump(value))


@pytest.mark.parametrize(
    "value", [float("nan"), [float("inf")], {"a": -float("inf")}, "\ud800", {"\ud800": 1}], ids=repr
)
def test_what_no_reader_would_take_is_not_written_in_a_hurry_either(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  as of any value that cannot be written
        json_values.written(value)


def test_what_is_nested_too_deep_is_not_written_in_a_hurry_either() -> None:
    deep: Any = 1
    for _ in range(1_000):
        deep = [deep]
    with pytest.raises(ValueError, match="depth"):
        json_values.written(deep)


@pytest.mark.parametrize("value", ["NaN", {"Infinity": "-Infinity"}, ["NaN", 1.5]])
def test_a_text_may_say_that_something_is_no_number(value: Any) -> None:
    assert json.loads(json_values.written(value)) == value
    assert json_values.parse(json_values.written(value)) == value
