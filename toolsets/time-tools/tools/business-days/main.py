"""Counts with working days, public holidays left out."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import holidays  # public holidays of some 200 countries, kept up to date by its community
from pydantic import BaseModel, ConfigDict, Field

_FIRST, _LAST = dt.date(1950, 1, 1), dt.date(2100, 12, 31)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MAX_LISTED = 100


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: dt.date = Field(description="The date to count from, YYYY-MM-DD.", examples=["2026-03-12"])
    days: int | None = Field(
        default=None, ge=-10_000, le=10_000, description="Working days to add; negative to go back. Not with `end`."
    )
    end: dt.date | None = Field(
        default=None, description="The date to count to, YYYY-MM-DD. Not with `days`.", examples=["2026-04-30"]
    )
    country: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]{2}$",
        description="Two-letter ISO 3166 code whose public holidays do not count; without it only weekends do not.",
        examples=["DE", "JP", "US"],
    )
    subdivision: str | None = Field(
        default=None,
        max_length=10,
        pattern=r"^[A-Za-z0-9]+$",
        description="Code of a state or region, for its own holidays; needs `country`.",
        examples=["BY", "CA"],
    )
    weekend: list[Weekday] = Field(
        default=["sat", "sun"],
        max_length=6,
        description="Weekdays that are off; empty for none.",
    )


class Holiday(BaseModel):
    date: str = Field(description="YYYY-MM-DD.")
    name: str = Field(description="The holiday's name.")


class Output(BaseModel):
    date: str = Field(description="The date reached: start plus `days`, or `end`.")
    weekday: str = Field(description="Its weekday in English.")
    is_working_day: bool = Field(description="Whether that date itself is a working day.")
    working_days: int = Field(description="Working days after start up to and including the date; negative backwards.")
    calendar_days: int = Field(description="Calendar days from start to the date; negative backwards.")
    holidays: list[Holiday] = Field(description="Holidays in between that fall on no weekend, at most 100.")


def run(input: Input) -> Output:
    if (input.days is None) == (input.end is None):
        raise ValueError("Give either 'days' (to get a date) or 'end' (to get a number of working days).")
    calendar = _Calendar(
        frozenset(_WEEKDAYS.index(name) for name in input.weekend), _holidays(input.country, input.subdivision)
    )
    forward = (input.end or input.start) >= input.start if input.days is None else input.days >= 0
    date, counted = input.start, 0
    while date != input.end if input.days is None else counted < abs(input.days):
        date += dt.timedelta(days=1 if forward else -1)
        counted += calendar.works(_checked(date))
    return Output(
        date=date.isoformat(),
        weekday=date.strftime("%A"),
        is_working_day=calendar.works(_checked(date)),
        working_days=counted if forward else -counted,
        calendar_days=(date - input.start).days,
        holidays=calendar.listed(),
    )


class _Calendar:
    def __init__(self, weekend: frozenset[int], off: Mapping[dt.date, str]) -> None:
        self.weekend = weekend
        self.off = off
        self.skipped: dict[dt.date, str] = {}

    def works(self, date: dt.date) -> bool:
        if date.weekday() in self.weekend:
            return False
        if date in self.off:
            self.skipped[date] = self.off[date]
            return False
        return True

    def listed(self) -> list[Holiday]:
        days = sorted(self.skipped)[:_MAX_LISTED]
        return [Holiday(date=date.isoformat(), name=self.skipped[date]) for date in days]


def _holidays(country: str | None, subdivision: str | None) -> Mapping[dt.date, str]:
    if country is None:
        if subdivision is not None:
            raise ValueError("'subdivision' needs 'country' beside it.")
        return {}
    try:
        # A new object for each call: it fills itself while it is asked, which two threads must not do at once.
        return holidays.country_holidays(country.upper(), subdiv=subdivision.upper() if subdivision else None)
    except NotImplementedError:
        known = holidays.list_supported_countries().get(country.upper())
        if known is None:
            raise ValueError(f"No holidays are known for the country '{country.upper()}'. Leave it out.") from None
        choice = ", ".join(known) or "none"
        raise ValueError(f"'{subdivision}' is no subdivision of {country.upper()}; there are: {choice}.") from None


def _checked(date: dt.date) -> dt.date:
    if not _FIRST <= date <= _LAST:
        raise ValueError(f"Dates must lie from {_FIRST} to {_LAST}.")
    return date
