"""What a tool returns becomes JSON and blocks, or a fault that names the reason."""

import dataclasses
import enum
import itertools
import json
import math
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import AnyUrl, BaseModel, Field

from jinba_mcp.domain import content
from jinba_mcp.sandbox.guest import plain as plain_types
from jinba_mcp.sandbox.guest.describe import Promise
from jinba_mcp.sandbox.guest.results import Unusable, converted

MIB = 1024 * 1024


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    seen: datetime


class Named(BaseModel):
    full_name: str = Field(alias="fullName")
    score: float = 1.0
    anything: Any = None


def promise(returns: Any) -> Promise | None:
    if returns is None:
        return None
    try:
        return Promise(returns, plain_types.reader(returns))
    except plain_types.Odd:
        return Promise(returns, None)


def plain(value: object, returns: object = None, max_bytes: int = MIB) -> object:
    output, blocks = converted(value, promise(returns), max_bytes)
    assert blocks is None
    return json.loads(output)


def fault(value: object, returns: object = None, max_bytes: int = MIB) -> tuple[str, str]:
    with pytest.raises(Unusable) as caught:
        converted(value, promise(returns), max_bytes)
    return caught.value.name, caught.value.message


@pytest.mark.parametrize(
    ("value", "output"),
    [
        (None, None),
        ("NaN", "NaN"),
        (2**70, 2**70),
        ([1, (2, 3)], [1, [2, 3]]),
        ({3}, [3]),
        ({1: "a"}, {"1": "a"}),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2024, 1, 31), "2024-01-31"),
        (timedelta(seconds=90), "PT1M30S"),
        (Colour.RED, "red"),
        (Path("a/b"), "a/b"),
        (Point(1, datetime(2024, 1, 31, tzinfo=UTC)), {"x": 1, "seen": "2024-01-31T00:00:00Z"}),
        (Named(fullName="A"), {"fullName": "A", "score": 1.0, "anything": None}),
        (b"abc", "abc"),
    ],
)
def test_plain_data_becomes_json(value: object, output: object) -> None:
    assert plain(value) == output


def circular() -> list[object]:
    circle: list[object] = []
    circle.append(circle)
    return circle


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def generator() -> Iterator[int]:
    yield from itertools.count()


async def async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "builtins.object has no JSON form"),
        ({"a": [Colour]}, "enum.EnumType has no JSON form"),
        (Named(fullName="A", anything=object()), "builtins.object has no JSON form"),
        (circular(), "Circular reference"),
        (nested(230), "nesting over 200"),
        (nested(300), "depth"),
        (nested(5000), "depth"),
        (math.nan, "NaN"),
        ([{"a": -math.inf}], "infinity"),
        (Named(fullName="A", score=math.nan), "NaN"),
        ("\ud800", "surrogates"),
        ([10**5000], "4,300 digits"),
        (b"\xff", "utf-8"),
        (generator(), "returned generator"),
        (async_generator(), "returned async_generator"),
        (itertools.count(), "returned count"),
    ],
)
def test_what_is_not_json_is_named(value: object, message: str) -> None:
    name, said = fault(value)

    assert name == "OutputInvalid"
    assert message in said


@pytest.mark.parametrize("value", ["x" * 11, ["x" * 10], b"x" * 11, list(range(9))])
def test_a_result_over_the_limit_is_refused(value: object) -> None:
    assert fault(value, max_bytes=10) == (
        "OutputLimit",
        "The result is longer than 10 bytes of JSON. Return less, or in parts.",
    )


def test_a_result_of_just_the_limit_is_taken() -> None:
    assert plain("x" * 8, max_bytes=10) == "x" * 8


def test_what_is_promised_is_checked_and_written_by_its_type() -> None:
    assert plain({"fullName": "A"}, Named) == {"fullName": "A", "score": 1.0, "anything": None}
    assert plain([Point(1, datetime(2024, 1, 31, tzinfo=UTC))], list[Point]) == [
        {"x": 1, "seen": "2024-01-31T00:00:00Z"}
    ]


@pytest.mark.parametrize(
    ("value", "returns", "message"),
    [
        ({"full_name": "A"}, Named, "fullName: Field required"),
        (None, str, "value: Input should be a valid string"),
        (Named(fullName="A", anything=object()), Named, "builtins.object has no JSON form"),
        (math.nan, float, "NaN"),
        (Named(fullName="A", score=math.nan), Named, "NaN"),
    ],
)
def test_a_broken_promise_is_named(value: object, returns: object, message: str) -> None:
    name, said = fault(value, returns)

    assert name == "OutputInvalid"
    assert message in said


TEXT = {"type": "text", "text": "look"}
IMAGE = {"type": "image", "data": "cG5n", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("value", "output", "blocks"),
    [
        (content.Text(text="look"), [TEXT], [TEXT]),
        (content.Image(data=b"png"), [IMAGE], [IMAGE]),
        (["look", content.Image(data=b"png")], [TEXT, IMAGE], [TEXT, IMAGE]),
        ((content.Text(text="look"),), [TEXT], [TEXT]),
        (content.Content(blocks=(content.Text(text="look"),), data={"n": {1}}), {"n": [1]}, [TEXT]),
        (content.Content(blocks=()), [], []),
        (
            content.ResourceLink(uri=AnyUrl("file:///a"), name="a"),
            [{"type": "resource_link", "uri": "file:///a", "name": "a"}],
            [{"type": "resource_link", "uri": "file:///a", "name": "a"}],
        ),
    ],
)
def test_rich_content_becomes_blocks(value: object, output: object, blocks: list[object]) -> None:
    found, wired = converted(value, None, MIB)

    assert wired is not None
    assert (json.loads(found), json.loads(wired)) == (output, blocks)


def test_a_list_of_strings_is_plain_data() -> None:
    assert plain(["a", "b"]) == ["a", "b"]


def test_blocks_do_not_mix_with_data() -> None:
    assert fault([content.Text(text="a"), {"n": 1}])[1].startswith(
        "A list of content blocks may hold blocks and strings, not dict"
    )


@pytest.mark.parametrize(
    "block",
    [
        content.Text(text="x" * 200),
        content.Audio(data=b"x" * 200),
        content.EmbeddedResource(resource=content.TextResource(uri=AnyUrl("file:///a"), text="x" * 200)),
        content.EmbeddedResource(resource=content.BlobResource(uri=AnyUrl("file:///a"), blob=b"x" * 200)),
        content.Image(data=b"x" * 90),
    ],
)
def test_blocks_over_the_limit_are_refused(block: content.Block) -> None:
    assert fault(block, max_bytes=100)[0] == "OutputLimit"


def test_data_of_rich_content_must_be_json_too() -> None:
    assert fault(content.Content(blocks=(), data=object()))[0] == "OutputInvalid"
