"""Plain types are read as pydantic reads them, or not at all."""

import enum
import functools
import math
import operator
from collections import OrderedDict
from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from jinba_mcp.sandbox.guest import plain
from jinba_mcp.sandbox.guest.plain import Odd

NUMBERS = st.integers() | st.floats() | st.just(2**53) | st.just(-(2**53) - 1) | st.just(10**400)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=3) | st.sampled_from(["1", "a", "true", "\ud800"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
ONE_TYPE = st.sampled_from([str, int, float, bool, None, Any, list, dict, Literal["a", "1"]])


def union(members: list[Any]) -> Any:
    return functools.reduce(operator.or_, members, type(None))


def without_none(members: list[Any]) -> Any:
    return functools.reduce(operator.or_, members)


def list_of(item: Any) -> Any:
    return GenericAlias(list, (item,))


def dict_of(item: Any) -> Any:
    return GenericAlias(dict, (str, item))


TYPES: st.SearchStrategy[Any] = st.recursive(
    ONE_TYPE,
    lambda inner: (
        inner.map(list_of)
        | inner.map(dict_of)
        | st.lists(inner, min_size=1, max_size=3).map(union)
        | st.lists(inner.filter(lambda kind: kind is not None), min_size=2, max_size=3).map(without_none)
    ),
    max_leaves=4,
)


@settings(max_examples=2 * settings().max_examples)
@given(annotation=TYPES, value=VALUES)
def test_what_is_read_is_what_pydantic_reads(annotation: Any, value: Any) -> None:
    try:
        found = plain.read(plain.reader(annotation), value)
    except Odd:
        return
    assert repr(found) == repr(TypeAdapter(annotation).validate_python(value))


@pytest.mark.parametrize(
    ("annotation", "value", "found"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (float | None, 3, 3.0),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (dict[str, list[int]], {"a": [1]}, {"a": [1]}),
        (str | int, 3, 3),
        (Literal["a", "b"], "b", "b"),
        (Any, object, object),
        (list, [object], [object]),
        (dict[str, Any], {"a": b""}, {"a": b""}),
    ],
)
def test_plain_types_are_read(annotation: Any, value: Any, found: Any) -> None:
    read = plain.read(plain.reader(annotation), value)

    assert repr(read) == repr(found)


class Point(TypedDict):
    x: int


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "annotation",
    [
        "int",
        list["int"],
        Annotated[int, 1],
        Annotated[int, {}],
        Literal[1, "a"],
        Literal["a"] | str,  # noqa: PYI051  redundant, and yet somebody writes it
        list[int] | list[str],
        int | Any,
        dict[int, str],
        tuple[int, ...],
        set[int],
        bytes,
        Point,
        Colour,
        BaseModel,
        Callable[[], int],
    ],
)
def test_other_types_are_for_pydantic(annotation: Any) -> None:
    with pytest.raises(Odd):
        plain.reader(annotation)


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, True),
        (int, 3.0),
        (int, "3"),
        (float, 2**53 + 1),
        (float | str, 3),
        (bool, 1),
        (str, Text("a")),
        (list[int], (1, 2)),
        (list[int], [1, "2"]),
        (dict[str, int], {1: 2}),
        (dict[str, int], {"a": None}),
        (dict, OrderedDict()),
        (Literal["a"], "b"),
        (None, 0),
    ],
)
def test_values_that_do_not_fit_exactly_are_for_pydantic(annotation: Any, value: Any) -> None:
    with pytest.raises(Odd):
        plain.read(plain.reader(annotation), value)


def test_an_annotation_that_lies_about_itself_is_no_plain_type() -> None:
    class Liar:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash(int)

    with pytest.raises(Odd):
        plain.reader(Liar())


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def circle() -> Any:
    value: list[Any] = []
    value.extend([value, value])
    return value


@pytest.mark.parametrize(
    "value", [None, math.nan, {"a": [1, (2.5, "x", None)], "b": {}}, nested(200), list(range(300)), [{}, [], ()]]
)
def test_plain_data_is_known(value: Any) -> None:
    assert plain.is_plain(value, 300)


@pytest.mark.parametrize(
    "value",
    [
        nested(201),
        circle(),
        {1: 2},
        {"a": Text("a")},
        [OrderedDict()],
        [b""],
        Colour.RED,
        list(range(301)),
        [list(range(160)), list(range(160))],
    ],
)
def test_what_is_not_plain_too_deep_or_too_much_is_told_apart(value: Any) -> None:
    assert not plain.is_plain(value, 300)
