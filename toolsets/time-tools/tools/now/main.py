"""Tells the current time in a zone."""

import datetime as dt
import difflib
import zoneinfo

from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        description="IANA time zone.",
        examples=["Europe/Berlin", "Asia/Tokyo"],
    )


class Output(BaseModel):
    local: str = Field(description="Local date and time with offset, ISO 8601.")
    utc: str = Field(description="The same instant in UTC, ISO 8601.")
    unix_seconds: int = Field(description="Whole seconds since 1970-01-01T00:00:00Z.")
    date: str = Field(description="Local date, YYYY-MM-DD.")
    time: str = Field(description="Local time, HH:MM:SS.")
    weekday: str = Field(description="Local weekday in English.")
    iso_week: str = Field(description="ISO year and week, such as 2026-W09.")
    day_of_year: int = Field(description="1 for the first of January.")
    utc_offset: str = Field(description="Offset from UTC, such as +02:00.")
    is_dst: bool = Field(description="Whether daylight saving time is on.")


def run(input: Input) -> Output:
    utc = dt.datetime.now(dt.UTC)
    local = utc.astimezone(_zone(input.zone))
    year, week, _ = local.isocalendar()
    return Output(
        local=local.isoformat(timespec="seconds"),
        utc=utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
        unix_seconds=int(utc.timestamp()),
        date=local.date().isoformat(),
        time=local.strftime("%H:%M:%S"),
        weekday=local.strftime("%A"),
        iso_week=f"{year}-W{week:02}",
        day_of_year=local.timetuple().tm_yday,
        utc_offset=local.isoformat()[-6:],
        is_dst=bool(local.dst()),
    )


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "Use a name such as Europe/Berlin or Asia/Tokyo."
        raise ValueError(f"There is no IANA time zone '{name}'. {hint}") from None
