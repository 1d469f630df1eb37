"""Retention: what an organization itself says of how long its runs are kept; the operator says how long at most."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.records import Record

MAX_DAYS = 36_500
MAX_COUNT = 1_000_000_000

Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
RunCount = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class Retention(Record):
    """How old records of runs get, and how many there are; None leaves it to the operator."""

    days: Days | None = None
    count: RunCount | None = None
