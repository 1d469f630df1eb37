"""Tallies: classes of durations, percentiles off them, and the hours that runs count for."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from jinba_mcp.domain.tallies import NEVER_RAN, By, Tally, class_ms, duration_class, figures, hour_of


def tallies(durations: list[int]) -> list[Tally]:
    return [Tally(duration_class=duration_class(ms), run_count=1, failed_count=0) for ms in durations]


@pytest.mark.parametrize("ms", [1, 2, 3, 7, 10, 99, 100, 1_000, 12_345, 900_000, 10**9])
def test_a_class_stands_for_its_durations_within_five_percent(ms: int) -> None:
    assert abs(class_ms(duration_class(ms)) - ms) <= max(0.05 * ms, 0.51)


def test_longer_is_never_a_lower_class_and_nothing_is_the_lowest() -> None:
    classes = [duration_class(ms) for ms in range(5_000)]
    assert classes == sorted(classes)
    assert (duration_class(0), class_ms(0), duration_class(None)) == (0, 0, NEVER_RAN)


def test_percentiles_are_those_of_the_runs_within_five_percent() -> None:
    durations = sorted(int(1.3 ** (number % 40)) + number % 7 + 1 for number in range(2_000))
    found = figures(tallies(durations))
    for share, ms in ((0.50, found.p50_ms), (0.95, found.p95_ms), (0.99, found.p99_ms)):
        exact = durations[math.ceil(share * len(durations)) - 1]
        assert ms == pytest.approx(exact, rel=0.05, abs=0.51)


def test_one_run_is_all_of_its_percentiles_and_none_has_none() -> None:
    assert {figures(tallies([100])).model_dump()[name] for name in ("p50_ms", "p95_ms", "p99_ms")} == {
        class_ms(duration_class(100))
    }
    nothing = figures([])
    assert (nothing.count, nothing.failure_rate, nothing.p50_ms) == (0, 0.0, None)


def test_runs_whose_tool_never_ran_count_without_a_duration() -> None:
    refused = Tally(duration_class=NEVER_RAN, run_count=3, failed_count=3)
    found = figures([refused, *tallies([100])])
    assert (found.count, found.failed_count, found.failure_rate) == (4, 3, 0.75)
    assert found.p50_ms == class_ms(duration_class(100))


def test_hours_are_utcs_and_sort_as_text() -> None:
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert hour_of(at) == "2026-02-28T23"
    assert By.HOUR.start(at) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert By.DAY.start(at) == datetime(2026, 2, 28, tzinfo=UTC)
