"""Tallies: runs counted by hour, tool, version and class of duration, so that statistics do not read the runs.

A class is a tenth wider than the one before it, so a percentile that is read off the classes is at most 5 % off.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from jinba_mcp.domain.records import Record, UtcDateTime

KEPT_FOR = timedelta(days=91)
MAX_SPAN = timedelta(days=90)
NEVER_RAN = -1
"""The class of runs whose tool never ran; they count, and have no duration."""
_GROWTH = math.log(1.1)
_HOURS_REMEMBERED = 100


class By(StrEnum):
    """What one point of a plot stands for."""

    HOUR = "hour"
    DAY = "day"

    @property
    def step(self) -> timedelta:
        return timedelta(hours=1) if self is By.HOUR else timedelta(days=1)

    def start(self, at: datetime) -> datetime:
        """The beginning of the hour or day, in UTC."""
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return hour if self is By.HOUR else hour.replace(hour=0)


class StatisticsFilter(Record):
    """Which runs to count; None does not filter.

    `since` is included, `until` is not; they are widened to full hours or days in UTC. Without `until` it is now;
    without `since` a day before that by the hour, or 30 days by the day.
    """

    by: By = By.HOUR
    toolset: str | None = None
    tool: str | None = None
    version: str | None = None
    since: UtcDateTime | None = None
    until: UtcDateTime | None = None


class TallyFilter(Record):
    """Which tallies to read: those of the full hours that `since` and the last moment before `until` lie in."""

    toolset: str | None = None
    tool: str | None = None
    version: str | None = None
    since: UtcDateTime
    until: UtcDateTime


class Figures(Record):
    """Counts, and how long the tool took in milliseconds; None where it never ran."""

    count: int
    failed_count: int
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None

    @property
    def failure_rate(self) -> float:
        """From 0 to 1."""
        return self.failed_count / self.count if self.count else 0.0


class Point(Figures):
    """The figures of one hour or day."""

    at: UtcDateTime


class ToolFigures(Figures):
    """A tool over the whole time, and point by point in the order of time; hours without a run have no point."""

    toolset_slug: str
    tool_slug: str
    points: tuple[Point, ...]


class Statistics(Record):
    """The busiest tool first. `is_complete` is False when there were more tools than are shown."""

    since: UtcDateTime
    until: UtcDateTime
    by: By
    tools: tuple[ToolFigures, ...]
    is_complete: bool


class Tally(NamedTuple):
    """So many runs of one class of duration, and how many of them failed. There are thousands in one answer."""

    duration_class: int
    run_count: int
    failed_count: int


def duration_class(tool_ms: int | None) -> int:
    """0 for less than a millisecond, then one class for each tenth more."""
    if tool_ms is None:
        return NEVER_RAN
    return 0 if tool_ms < 1 else 1 + int(math.log(tool_ms) / _GROWTH + 1e-9)


def class_ms(number: int) -> int:
    """What stands for all durations of a class: its middle, as ratios go."""
    return 0 if number < 1 else round(math.exp((number - 0.5) * _GROWTH))


def hour_of(at: datetime) -> str:
    """The hour as it is stored: sortable, and its first ten characters are the day."""
    in_utc = at.astimezone(UTC)
    return _hour(in_utc.year, in_utc.month, in_utc.day, in_utc.hour)


@lru_cache(_HOURS_REMEMBERED)
def _hour(year: int, month: int, day: int, hour: int) -> str:
    # Runs that are counted one after the other are mostly of one hour, and to write it takes longer than all the rest.
    return f"{year:04}-{month:02}-{day:02}T{hour:02}"


def figures(tallies: list[Tally]) -> Figures:
    """What several tallies come to."""
    durations: dict[int, int] = {}
    for tally in tallies:
        if tally.duration_class != NEVER_RAN:
            durations[tally.duration_class] = durations.get(tally.duration_class, 0) + tally.run_count
    return Figures(
        count=sum(tally.run_count for tally in tallies),
        failed_count=sum(tally.failed_count for tally in tallies),
        p50_ms=_percentile(durations, 0.50),
        p95_ms=_percentile(durations, 0.95),
        p99_ms=_percentile(durations, 0.99),
    )


def _percentile(durations: Mapping[int, int], share: float) -> int | None:
    """By nearest rank: the least class that at least this share of the runs is in or below."""
    rank = math.ceil(share * sum(durations.values()))
    for number in sorted(durations):
        rank -= durations[number]
        if rank <= 0:
            return class_ms(number)
    return None
