"""The stand-in for pydantic: what it says and takes, beside what pydantic does."""

import dataclasses
import datetime as dt
import decimal
import enum
from typing import Annotated, Any, Literal

import pytest

from jinba_mcp.sandbox.guest import models
from jinba_mcp.sandbox.guest.faults import CodeFault
from jinba_mcp.sandbox.wasm import plain_models

PLAIN = [
    str,
    int,
    float,
    bool,
    None,
    Any,
    object,
    list,
    dict,
    list[str],
    list[list[int]],
    list[Any],
    dict[str, float],
    dict[str, Any],
    str | None,
    int | str,
    list[int] | dict[str, bool] | None,
    Literal["a"],
    Literal["a", "b"],
]


@pytest.mark.parametrize("annotation", PLAIN, ids=str)
def test_a_plain_type_has_the_schema_that_pydantic_gives_it(annotation: Any) -> None:
    ours = plain_models.schema(plain_models.adapter(annotation, "It"), "validation", "It has")
    assert ours == models.schema(models.adapter(annotation, "It"), "validation", "It has")


@pytest.mark.parametrize(
    "given",
    [
        [("name", str, ...)],
        [("a", int, 1), ("from_city", str, ...), ("_x", list[str], [])],
        [("json", dict[str, int] | None, None), ("mode", Literal["fast", "slow"], "fast")],
        [],
    ],
    ids=str,
)
def test_parameters_have_the_schema_that_pydantic_gives_them(given: list[tuple[str, Any, Any]]) -> None:
    def schema(made: Any) -> Any:
        return made.schema(made.adapter(made.arguments_model("run", given), "It"), "validation", "The parameters have")

    assert schema(plain_models) == schema(models)


VALUES = ["a", "", 1, 0, -1, 1.0, 1.5, 2**60, True, None, [], [1], [1.0, "a"], {}, {"a": 1}, {"a": [None]}]


@pytest.mark.parametrize("annotation", PLAIN, ids=str)
def test_a_value_of_its_type_comes_out_as_pydantic_gives_it(annotation: Any) -> None:
    ours, theirs = plain_models.adapter(annotation, "It"), models.adapter(annotation, "It")
    taken = 0
    for value in VALUES:
        try:
            found = ours.validate_python(value)
        except plain_models.ValidationError:
            continue
        taken += 1
        expected = theirs.validate_python(value)
        assert (found, type(found)) == (expected, type(expected))
    assert taken or annotation == Literal["a", "b"]


@pytest.mark.parametrize(
    "annotation",
    [dt.date, set[int], dict[int, str], tuple[int, str], Literal[1], Annotated[int, "even"], "x"],
    ids=str,
)
def test_another_type_is_refused_with_what_to_write_instead(annotation: Any) -> None:
    with pytest.raises(CodeFault, match=r"The parameter 'when' of 'run' has no schema: .* inputSchema in tool\.yml"):
        plain_models.arguments_model("run", [("when", annotation, ...)])


def test_a_default_that_is_no_data_is_refused() -> None:
    with pytest.raises(CodeFault, match="its default is no plain data"):
        plain_models.arguments_model("run", [("when", str, object())])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "count: Field required"),
        ({"count": "many"}, "count: Input should be integer"),
        ({"count": 1.5}, "count: Input should be integer"),
        ({"count": 1, "more": 1}, "more: Extra inputs are not permitted"),
        ({"count": 1, "names": [1]}, "names.0: Input should be string"),
        ({"count": 1, "either": []}, "either: Input should be of one of the types that it may have"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    parameters = [("count", int, ...), ("names", list[str], []), ("either", str | int, "")]
    model = plain_models.arguments_model("run", parameters)
    with pytest.raises(plain_models.ValidationError, match=message):
        model.validate_python(arguments)


def test_arguments_are_bound_by_place_with_their_defaults() -> None:
    model = plain_models.arguments_model("run", [("count", int, ...), ("names", list[str], ["a"])])
    assert vars(model.validate_python({"count": 2.0})) == {"field_0": 2, "field_1": ["a"]}


def test_what_a_tool_returns_is_written_as_pydantic_writes_it() -> None:
    class Colour(enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Point:
        x: int
        at: dt.date

    value = {
        "point": Point(1, dt.date(2020, 1, 2)),
        "colours": (Colour.RED, {True}),
        "money": decimal.Decimal("1.50"),
        "raw": b"abc",
        2: None,
    }
    assert plain_models.jsonable(value) == models.jsonable(value)
    with pytest.raises(TypeError, match=r"builtins\.object has no JSON form"):
        plain_models.jsonable([object()])


def test_what_was_promised_is_checked() -> None:
    promise = plain_models.adapter(dict[str, int], "The return type")
    assert plain_models.promised({"a": 1.0}, promise) == {"a": 1}
    with pytest.raises(plain_models.ValidationError, match=r"value\.a: Input should be integer"):
        plain_models.promised({"a": "b"}, promise)


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(plain_models.ValidationError, match="nested too deeply"):
        plain_models.adapter(_nested(300), "It").validate_python(_deep(300))
    with pytest.raises(RecursionError):
        plain_models.jsonable(endless)


def _nested(depth: int) -> Any:
    annotation: Any = int
    for _ in range(depth):
        annotation = list[annotation]
    return annotation


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
