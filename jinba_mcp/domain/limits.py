"""Limits: how many requests in a time and how many runs at once, for a key, an organization, a tool and an address."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.records import Record

MAX_PER_MINUTE = 1_000_000
MAX_PER_DAY = 1_000_000_000
MAX_AT_ONCE = 100_000

PerMinute = Annotated[int, Field(ge=1, le=MAX_PER_MINUTE)]


class Window(Record):
    """At most `count` in `seconds`: in any stretch of that length, or (`is_moving` false) counted from the first on.

    A moving window remembers each of its takes, so the long ones do not move.
    """

    count: int
    seconds: int
    is_moving: bool = True


def per_minute(count: int) -> Window:
    """So many in any 60 seconds."""
    return Window(count=count, seconds=60)


def per_day(count: int) -> Window:
    """So many in 24 hours, which begin with the first."""
    return Window(count=count, seconds=86_400, is_moving=False)


class Standing(Record):
    """How a window stands after a take: `remaining` more are free now, and all or some again in `reset_s` seconds."""

    is_taken: bool
    remaining: int
    reset_s: float


class Quota(Record):
    """What one of a kind may use; None is no limit."""

    per_minute: Annotated[int, Field(ge=1, le=MAX_PER_MINUTE)] | None = None
    per_day: Annotated[int, Field(ge=1, le=MAX_PER_DAY)] | None = None
    at_once: Annotated[int, Field(ge=1, le=MAX_AT_ONCE)] | None = None
    """Runs in flight, counted wherever the counters are."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows that each take goes through, the shortest first."""
        minute = () if self.per_minute is None else (per_minute(self.per_minute),)
        return minute if self.per_day is None else (*minute, per_day(self.per_day))


class Quotas(Record):
    """What the operator permits: requests for keys, organizations and strangers' addresses, runs for tools."""

    key: Quota = Quota()
    """For each; a key may carry a rate of its own instead."""
    organization: Quota = Quota()
    tool: Quota = Quota()
    address: Quota = Quota()
    """For requests without a key, and for those with a wrong one."""
