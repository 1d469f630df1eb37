"""Tells when a cron expression fires next."""

import datetime as dt
import difflib
import zoneinfo

import cronsim  # the evaluator of Healthchecks: follows Debian's cron at clock changes and gives up after 50 years
from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expression: str = Field(
        min_length=9,
        max_length=200,
        description="Five cron fields, or six with seconds first.",
        examples=["30 9 * * MON-FRI", "0 0 L * *", "*/15 8-17 * * 1-5"],
    )
    zone: str = Field(default="UTC", min_length=1, max_length=64, description="IANA zone in which the schedule runs.")
    after: str | None = Field(
        default=None,
        max_length=40,
        description="Start after this ISO 8601 time (local to the zone unless it has an offset); default: now.",
        examples=["2026-03-28T12:00"],
    )
    count: int = Field(default=5, ge=1, le=50, description="How many times to list.")


class Firing(BaseModel):
    local: str = Field(description="Local time with offset, ISO 8601.")
    utc: str = Field(description="The same instant in UTC, ISO 8601.")
    weekday: str = Field(description="Local weekday in English.")


class Output(BaseModel):
    meaning: str = Field(description="The schedule in words.")
    times: list[Firing] = Field(description="The next times, soonest first.")
    zone: str = Field(description="The zone in which the schedule runs.")


def run(input: Input) -> Output:
    zone = _zone(input.zone)
    start = _start(input.after, zone)
    try:
        schedule = cronsim.CronSim(input.expression, start)
        meaning = schedule.explain()
        times = [_firing(moment) for _, moment in zip(range(input.count), schedule, strict=False)]
    except (cronsim.CronSimError, AssertionError, KeyError) as error:
        raise ValueError(
            f"Not a usable cron expression: {error}. Write minute hour day-of-month month day-of-week, "
            "for example '30 9 * * MON-FRI'; @daily and the like are '0 0 * * *'."
        ) from None
    except OverflowError:
        raise ValueError("The schedule leaves the years that can be computed. Start earlier.") from None
    if not times:
        raise ValueError("The schedule does not fire within 50 years. Check day and month, such as 30 February.")
    return Output(meaning=meaning, times=times, zone=input.zone)


def _start(after: str | None, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    if after is None:
        return dt.datetime.now(zone)
    try:
        start = dt.datetime.fromisoformat(after.strip())
        return start.astimezone(zone) if start.tzinfo else start.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise ValueError(f"'after' is not an ISO 8601 time such as 2026-03-28T12:00: '{after}'.") from None


def _firing(moment: dt.datetime) -> Firing:
    return Firing(
        local=moment.isoformat(timespec="seconds"),
        utc=moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        weekday=moment.strftime("%A"),
    )


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "Use a name such as Europe/Berlin or Asia/Tokyo."
        raise ValueError(f"There is no IANA time zone '{name}'. {hint}") from None
