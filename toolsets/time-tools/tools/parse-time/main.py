"""Reads a date or time that a person or a program wrote."""

import contextlib
import datetime as dt
import difflib
import re
import zoneinfo
from typing import Literal

from dateutil import parser  # reads the many English and numeric ways in which dates are written
from pydantic import BaseModel, ConfigDict, Field

_UNIX = re.compile(r"-?[0-9]{9,11}(?:\.[0-9]{1,6})?|-?[0-9]{12,14}", re.ASCII)
_MILLISECONDS_DIGITS = 12
_DEFAULTS = (dt.datetime(2000, 1, 1), dt.datetime(2004, 2, 2))  # noqa: DTZ001  only parts of them are looked at


class _ZoneUnclearError(ValueError):
    pass


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        min_length=1,
        max_length=100,
        description="The date or time.",
        examples=["12 March 2026 3pm", "03/04/2026", "Thu, 12 Mar 2026 15:00:00 +0100"],
    )
    order: Literal["month-first", "day-first"] = Field(
        default="month-first", description="How to read 03/04/2026: as March 4 (US) or as 3 April (most of the world)."
    )
    zone: str = Field(
        default="UTC", min_length=1, max_length=64, description="IANA zone to assume when the text names none."
    )


class Output(BaseModel):
    iso: str = Field(description="ISO 8601: a date, or date and time with offset.")
    date: str = Field(description="The date, YYYY-MM-DD.")
    time: str | None = Field(description="The time, HH:MM:SS, or null when the text has none.")
    utc: str | None = Field(description="The instant in UTC, ISO 8601, or null without a time.")
    unix_seconds: float | None = Field(description="Seconds since 1970, or null without a time.")
    weekday: str = Field(description="Weekday in English.")
    zone_in_text: bool = Field(description="Whether the text itself named an offset or UTC.")
    ambiguous: bool = Field(description="Whether the other order of day and month gives another date.")


def run(input: Input) -> Output:
    text, zone = input.text.strip(), _zone(input.zone)
    unix = _UNIX.fullmatch(text)
    day_first = input.order == "day-first"
    found = _from_unix(text) if unix else _read(text, day_first=day_first)
    if not unix:
        _require_full_date(text, found, day_first=day_first)
    has_time = bool(unix) or _has_time(text, found, day_first=day_first)
    moment = found if found.tzinfo else found.replace(tzinfo=zone)
    try:
        utc = moment.astimezone(dt.UTC)
    except (OverflowError, ValueError):
        raise ValueError("The time falls outside the years 1 to 9999.") from None
    return Output(
        iso=moment.isoformat() if has_time else found.date().isoformat(),
        date=found.date().isoformat(),
        time=found.strftime("%H:%M:%S") if has_time else None,
        utc=utc.isoformat().replace("+00:00", "Z") if has_time else None,
        unix_seconds=utc.timestamp() if has_time else None,
        weekday=found.strftime("%A"),
        zone_in_text=found.tzinfo is not None,
        ambiguous=not unix and _read(text, day_first=not day_first).date() != found.date(),
    )


def _from_unix(text: str) -> dt.datetime:
    digits = text.lstrip("-")
    seconds = float(text) / 1000 if "." not in text and len(digits) >= _MILLISECONDS_DIGITS else float(text)
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)


def _read(text: str, *, day_first: bool, default: dt.datetime = _DEFAULTS[0]) -> dt.datetime:
    with contextlib.suppress(ValueError):
        return dt.datetime.combine(dt.date.fromisoformat(text), default.time())
    with contextlib.suppress(ValueError):
        return dt.datetime.fromisoformat(text)
    try:
        return parser.parse(text, dayfirst=day_first, default=default, tzinfos=_named_zone)
    except _ZoneUnclearError:
        raise
    except (ValueError, TypeError, ArithmeticError):
        raise ValueError(
            f"'{text}' cannot be read as a date. Write it like 2026-03-12T15:00 or 12 March 2026; "
            "relative words such as tomorrow are not understood."
        ) from None


def _named_zone(name: str | None, offset: int | None) -> dt.tzinfo | int | None:
    if offset is not None:
        return offset
    if name in (None, "UTC", "GMT", "Z"):
        return 0 if name else None
    raise _ZoneUnclearError(f"The zone abbreviation {name} has several meanings. Use an offset such as +01:00.")


def _require_full_date(text: str, found: dt.datetime, *, day_first: bool) -> None:
    if _read(text, day_first=day_first, default=_DEFAULTS[1]).date() != found.date():
        raise ValueError(f"'{text}' does not name a whole date. Give day, month and year.")


def _has_time(text: str, found: dt.datetime, *, day_first: bool) -> bool:
    if found.time() != dt.time(0):
        return True
    noon = _DEFAULTS[0].replace(hour=12)
    return _read(text, day_first=day_first, default=noon).time() == dt.time(0)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "Use a name such as Europe/Berlin or Asia/Tokyo."
        raise ValueError(f"There is no IANA time zone '{name}'. {hint}") from None
