"""What all wire schemas share: names, times, pages."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from jinba_mcp.domain.errors import CursorInvalid, FieldsInvalid
from jinba_mcp.domain.pages import Page, encode_cursor
from jinba_mcp.faces.rest.wire import (
    WHOLE,
    AnyQuery,
    In,
    Instant,
    InstantIn,
    NoQuery,
    Out,
    PageOut,
    PageQuery,
    Text,
    page_out,
)


class EventIn(In):
    happened_at: InstantIn
    what: Text = ""


class EventOut(Out):
    happened_at: Instant


class EventPage(PageOut[EventOut]):
    pass


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-21T12:00:00Z", 12),
        ("2026-11-21t12:00:00.123456z", 12),
        ("2026-11-21 12:00:00+02:00", 10),
        ("2026-11-21T12:00:00.5-01:00", 13),
    ],
)
def test_times_are_rfc_3339_with_a_zone(text: str, hour: int) -> None:
    found = EventIn.read({"happenedAt": text}).happened_at
    assert (found.tzinfo, found.hour) == (UTC, hour)


@pytest.mark.parametrize(
    "value",
    ["2026-11-21T12:00:00", "2026-11-21", "12", 12, 1.5, None, "", "2026-02-30T00:00:00Z", "٢026-11-21T12:00:00Z",
     "2026-11-21T12:00:60Z", "2026-11-21T12:00:00+99:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
)  # fmt: skip
def test_other_times_are_refused(value: object) -> None:
    with pytest.raises(FieldsInvalid) as caught:
        EventIn.read({"happenedAt": value})  # type: ignore[dict-item]  # any object is the point
    assert caught.value.details["errors"][0]["pointer"] == "/happenedAt"  # type: ignore[index,call-overload]  # a list of objects


def test_times_are_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 11, 21, 12, 0, 0, 123456, timezone(timedelta(hours=1)))
    assert EventOut(happened_at=at).model_dump_json(by_alias=True) == '{"happenedAt":"2026-11-21T11:00:00.123Z"}'


def test_inputs_are_read_by_wire_names_only() -> None:
    with pytest.raises(ValidationError):
        EventIn.model_validate({"happened_at": "2026-11-21T12:00:00Z"})


def test_text_has_no_nul_and_an_end() -> None:
    for what in ("a\x00", "x" * 201):
        with pytest.raises(FieldsInvalid):
            EventIn.read({"happenedAt": "2026-11-21T12:00:00Z", "what": what})


def test_unknown_parameters_are_refused_unless_nobody_looks() -> None:
    assert AnyQuery.model_validate({"name[]": "up"}) == AnyQuery()
    with pytest.raises(ValidationError):
        NoQuery.model_validate({"name[]": "up"})


def test_a_cursor_leads_to_what_follows_the_page_before() -> None:
    request = PageQuery(limit=2, cursor=encode_cursor("run_1")).request()
    assert (request.limit, request.after) == (2, "run_1")
    assert PageQuery().request().after is None


@pytest.mark.parametrize("cursor", ["", "%", encode_cursor("\x00"), encode_cursor("x" * 201), encode_cursor("a\nb")])
def test_a_cursor_that_was_never_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        PageQuery(cursor=cursor).request()


def test_a_page_of_records_becomes_a_page_on_the_wire() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    page = page_out(EventPage, Page(items=(at,), next_cursor="evt_1"), lambda found: EventOut(happened_at=found))
    assert page == EventPage(data=[EventOut(happened_at=at)], next_cursor=encode_cursor("evt_1"))
    assert page_out(EventPage, Page[datetime](items=()), lambda found: EventOut(happened_at=found)).next_cursor is None


class CountIn(In):
    count: Annotated[int, Field(ge=0, strict=True), WHOLE]


def test_an_integer_may_be_written_with_a_fraction_of_nothing() -> None:
    count = CountIn.read({"count": 5.0}).count
    assert (count, type(count)) == (5, int)
    assert CountIn.model_json_schema()["properties"]["count"] == {"minimum": 0, "title": "Count", "type": "integer"}


@pytest.mark.parametrize("count", ["5", True, 5.5, -1.0, None])
def test_nothing_else_is_an_integer(count: float | str | None) -> None:
    with pytest.raises(FieldsInvalid):
        CountIn.read({"count": count})


def test_the_document_says_that_text_has_no_nul() -> None:
    described = EventIn.model_json_schema()["properties"]["what"]
    assert described["maxLength"] == 200
    assert [bool(re.search(described["pattern"], text)) for text in ("", "a\nb", "a\0b")] == [True, True, False]
