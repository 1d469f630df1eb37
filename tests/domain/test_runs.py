"""Runs: the only moves they may make."""

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import CANCELLED, INTERRUPTED, SHUT_DOWN, RunError, RunFilter, RunLogs, RunStatus
from tests.runs import NOON, a_run

ENDS = [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.CANCELLED]
OPEN = [RunStatus.PENDING, RunStatus.RUNNING]


def test_four_statuses_are_an_end() -> None:
    assert [status for status in RunStatus if status.is_final] == ENDS


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_is_open_may_come_to_any_end(status: RunStatus, end: RunStatus) -> None:
    ended = a_run(status=status).finished(end, at=NOON + timedelta(seconds=1))
    assert ended.status is end
    assert ended.succeeded is (end is RunStatus.SUCCESS)
    assert ended.finished_at == NOON + timedelta(seconds=1)


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("end", RunStatus)
def test_a_run_that_has_ended_stays_as_it_is(status: RunStatus, end: RunStatus) -> None:
    with pytest.raises(ValueError, match=f"from {status.value} to {end.value}"):
        a_run(status=status, finished_at=NOON).finished(end, at=NOON)


@pytest.mark.parametrize("end", OPEN)
def test_a_run_does_not_end_as_open(end: RunStatus) -> None:
    with pytest.raises(ValueError, match=f"to {end.value}"):
        a_run().finished(end, at=NOON)


def test_ending_a_run_gives_a_new_record_with_all_that_came_of_it() -> None:
    before = a_run(key_name="ci", request_id="abc")
    error = RunError(name="ValueError", message="no")
    logs = RunLogs(stdout=("a",), stderr=("b",))
    after = before.finished(RunStatus.FAILED, at=NOON, error=error, logs=logs)
    assert before.status is RunStatus.RUNNING
    assert before.error is None
    assert after == a_run(key_name="ci", request_id="abc", status="failed", finished_at=NOON, error=error, logs=logs)


def test_a_success_carries_output_and_content() -> None:
    block: JsonObject = {"type": "text", "text": "hi"}
    after = a_run().finished(RunStatus.SUCCESS, at=NOON, output={"n": 1}, content=(block,))
    assert (after.output, after.content, after.error) == ({"n": 1}, (block,), None)


@pytest.mark.parametrize(
    ("started_at", "finished_at", "duration_ms"),
    [
        (None, None, None),
        (NOON, None, None),
        (None, NOON, None),
        (NOON, NOON, 0),
        (NOON, NOON + timedelta(milliseconds=1500), 1500),
        (NOON, NOON + timedelta(microseconds=1600), 2),
        (NOON, NOON - timedelta(seconds=1), 0),
    ],
)
def test_a_duration_is_whole_milliseconds_from_start_to_end_and_never_negative(
    started_at: datetime | None, finished_at: datetime | None, duration_ms: int | None
) -> None:
    assert a_run(started_at=started_at, finished_at=finished_at).duration_ms == duration_ms


def test_what_cuts_a_run_short_has_the_names_that_clients_know() -> None:
    assert [error.name for error in (INTERRUPTED, CANCELLED, SHUT_DOWN)] == ["Interrupted", "Cancelled", "Cancelled"]


def test_a_filter_that_says_nothing_filters_nothing() -> None:
    assert set(RunFilter().model_dump().values()) == {None}


@pytest.mark.parametrize("fields", [{"status": "done"}, {"source": "fax"}, {"since": "2026-01-01T00:00:00"}, {"x": 1}])
def test_a_filter_of_a_kind_that_there_is_not_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunFilter.model_validate(fields)
