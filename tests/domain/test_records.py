"""Records: frozen, closed, and always in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from pydantic import ValidationError

from jinba_mcp.domain.records import Record, UtcDateTime, rfc3339
from tests.domain.generated import INSTANTS, modestly

TOKYO = timezone(timedelta(hours=9))


class Mark(Record):
    at: UtcDateTime
    note: str = ""


def test_a_record_cannot_be_changed_in_place() -> None:
    mark = Mark(at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValidationError, match="frozen"):
        mark.note = "later"  # type: ignore[misc]  # that it is refused is the point


def test_a_record_takes_no_field_that_it_does_not_have() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Mark.model_validate({"at": "2026-01-01T00:00:00Z", "colour": "red"})


def test_records_are_equal_when_their_values_are() -> None:
    there = datetime(2026, 1, 1, 9, tzinfo=TOKYO)
    assert Mark(at=there) == Mark(at=datetime(2026, 1, 1, tzinfo=UTC))
    assert hash(Mark(at=there)) == hash(Mark(at=datetime(2026, 1, 1, tzinfo=UTC)))


def test_a_time_is_kept_in_utc_whatever_zone_it_came_in() -> None:
    kept = Mark(at=datetime(2026, 1, 1, 9, tzinfo=TOKYO)).at
    assert kept.isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="without a zone"):
        Mark.model_validate({"at": "2026-01-01T00:00:00"})


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_time_that_utc_has_no_year_for_is_refused(at: str) -> None:
    with pytest.raises(ValidationError, match="after 9999"):
        Mark.model_validate({"at": at})


def test_times_are_written_as_rfc_3339_in_utc_with_milliseconds() -> None:
    assert rfc3339(datetime(2026, 11, 21, 21, 30, 5, 123_456, tzinfo=TOKYO)) == "2026-11-21T12:30:05.123Z"
    assert rfc3339(datetime(2026, 11, 21, tzinfo=UTC)) == "2026-11-21T00:00:00.000Z"


@modestly
@given(INSTANTS)
def test_a_written_time_reads_back_to_the_millisecond(at: datetime) -> None:
    assert Mark.model_validate({"at": rfc3339(at)}).at == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_a_trusted_record_is_the_one_that_would_have_been_checked() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    trusted, checked = Mark.trusted({"at": at}), Mark(at=at)
    assert trusted == checked
    assert hash(trusted) == hash(checked)
    assert trusted.model_dump() == checked.model_dump()
    assert trusted.model_dump_json() == checked.model_dump_json()
    with pytest.raises(ValidationError, match="frozen"):
        trusted.note = "later"  # type: ignore[misc]  # that it is refused is the point


def test_what_is_replaced_is_another_record() -> None:
    first = Mark(at=datetime(2026, 1, 1, tzinfo=UTC))
    second = first.replaced({"note": "later"})
    assert second == first.model_copy(update={"note": "later"})
    assert first.note == ""
    assert Mark.trusted(vars(second)) == second


def test_trusted_records_of_a_class_share_nothing_that_changes() -> None:
    one, other = [Mark.trusted({"at": datetime(2026, 1, day, tzinfo=UTC)}) for day in (1, 2)]
    copy = one.model_copy(update={"note": "copied", "unknown": 1})
    assert (copy.note, other.note) == ("copied", "")
    assert other.model_fields_set == {"at", "note"}
