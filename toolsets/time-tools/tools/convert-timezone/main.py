"""Converts a local time from one zone to another, honest about clock changes."""

import datetime as dt
import difflib
import zoneinfo
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    time: str = Field(
        min_length=4,
        max_length=40,
        description="Date and time in ISO 8601; with an offset or Z it is an exact instant.",
        examples=["2026-03-29T14:30", "2026-03-29T14:30:00-05:00"],
    )
    from_zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        description="IANA zone of the time; not looked at when the time has an offset.",
        examples=["America/New_York"],
    )
    to_zone: str = Field(min_length=1, max_length=64, description="IANA zone wanted.", examples=["Europe/Berlin"])
    fold: Literal["first", "second"] = Field(
        default="first", description="Which one is meant when the clock shows this time twice."
    )


class Output(BaseModel):
    source: str = Field(description="The time in its own zone with offset, ISO 8601.")
    target: str = Field(description="The same instant in the zone wanted, ISO 8601.")
    utc: str = Field(description="The same instant in UTC, ISO 8601.")
    target_weekday: str = Field(description="Weekday in the zone wanted, in English.")
    difference_hours: float = Field(description="How far the wanted zone is ahead of the source, at that instant.")
    day_shift: int = Field(description="-1, 0 or 1: whether it is the day before, the same or the next day there.")
    note: str | None = Field(description="Set when the time is skipped or occurs twice at a clock change, else null.")


def run(input: Input) -> Output:
    given = _read(input.time)
    target_zone = _zone(input.to_zone)
    note = None
    if given.tzinfo is None:
        given = given.replace(tzinfo=_zone(input.from_zone), fold=int(input.fold == "second"))
        note = _note(given)
    try:
        utc = given.astimezone(dt.UTC)
        source = given if given.tzinfo is None or note is None else utc.astimezone(given.tzinfo)
        target = utc.astimezone(target_zone)
    except (OverflowError, ValueError):
        raise ValueError("The time falls outside the years 1 to 9999 in one of the zones.") from None
    difference = (target.utcoffset() or _ZERO) - (source.utcoffset() or _ZERO)
    return Output(
        source=source.isoformat(),
        target=target.isoformat(),
        utc=utc.isoformat().replace("+00:00", "Z"),
        target_weekday=target.strftime("%A"),
        difference_hours=round(difference.total_seconds() / 3600, 4),
        day_shift=(target.date() - source.date()).days,
        note=note,
    )


_ZERO = dt.timedelta(0)


def _read(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"'{text}' is not ISO 8601 such as 2026-03-29T14:30. Use parse-time for other forms."
        ) from None


def _note(local: dt.datetime) -> str | None:
    """PEP 495: in a gap the two folds have offsets in falling order, at a repetition in rising order."""
    first, second = (local.replace(fold=fold).utcoffset() or _ZERO for fold in (0, 1))
    if first == second:
        return None
    if first < second:
        return "This local time does not exist: the clock was set forward over it. It was read as if it had not been."
    return "This local time occurs twice, because the clock is set back. Set fold to 'second' for the later one."


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "Use a name such as Europe/Berlin or Asia/Tokyo."
        raise ValueError(f"There is no IANA time zone '{name}'. {hint}") from None
