"""Tallies: rows and repository of the counts that statistics are read off."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlmodel import Field

from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.tallies import KEPT_FOR, By, Tally, TallyFilter, duration_class, hour_of
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, table_of

_MAX_TOOLS = 1_000
_LENGTH = {By.HOUR: len("2026-01-31T12"), By.DAY: len("2026-01-31")}


class TallyRow(Row, table=True):
    """How many runs of one class of duration a tool had in one hour, and how many of them failed."""

    __tablename__ = "run_tally"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: str = Field(primary_key=True, sa_type=WORD)
    hour: str = Field(primary_key=True, sa_type=WORD, index=True)
    toolset_slug: str = Field(primary_key=True, sa_type=WORD)
    tool_slug: str = Field(primary_key=True, sa_type=WORD)
    version: str = Field(primary_key=True, sa_type=WORD)
    duration_class: int = Field(primary_key=True)
    run_count: int
    failed_count: int


_tallies = table_of(TallyRow)
_run_count = func.sum(_tallies.c.run_count)
_failed_count = func.sum(_tallies.c.failed_count)


class TallyRepository:
    """Counts in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tools(self, organization_id: OrganizationId, wanted: TallyFilter) -> list[tuple[str, str]]:
        """The tools, as slugs of ToolSet and tool, that ran in that time; the busiest first, at most `_MAX_TOOLS`."""
        tool = (_tallies.c.toolset_slug, _tallies.c.tool_slug)
        statement = select(*tool).where(*_conditions(organization_id, wanted)).group_by(*tool)
        rows = await self._connection.all(statement.order_by(_run_count.desc(), *tool).limit(_MAX_TOOLS))
        return [(row["toolset_slug"], row["tool_slug"]) for row in rows]

    async def of(
        self, organization_id: OrganizationId, wanted: TallyFilter, by: By, tools: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], dict[str, list[Tally]]]:
        """The tallies of these tools by hour (`2026-01-31T12`) or day (`2026-01-31`), in the order of time."""
        tool = (_tallies.c.toolset_slug, _tallies.c.tool_slug)
        at = func.substr(_tallies.c.hour, 1, _LENGTH[by]).label("at")
        place = (*tool, at, _tallies.c.duration_class)
        conditions = (*_conditions(organization_id, wanted), tuple_(*tool).in_(tools))
        counted = select(*place, _run_count.label("run_count"), _failed_count.label("failed_count"))
        rows = await self._connection.tuples(counted.where(*conditions).group_by(*place).order_by(at))
        found: dict[tuple[str, str], dict[str, list[Tally]]] = {}
        for toolset, name, moment, duration, run_count, failed_count in rows:
            points = found.setdefault((toolset, name), {})
            points.setdefault(moment, []).append(Tally(duration, int(run_count), int(failed_count)))
        return found

    async def sweep(self, now: datetime, limit: int) -> int:
        """Remove up to `limit` rows that no statistics reach any more; how many there were."""
        key = tuple_(*_tallies.primary_key)
        old = select(*_tallies.primary_key).where(_tallies.c.hour < hour_of(now - KEPT_FOR)).limit(limit)
        return await self._connection.write(delete(_tallies).where(key.in_(old)))


def counted(endings: Sequence[Ending]) -> list[dict[str, Any]]:
    """The rows to add to those that are there; each run is to be counted once."""
    counts: Counter[tuple[Any, ...]] = Counter(map(_place, endings))
    failed: Counter[tuple[Any, ...]] = Counter(_place(each) for each in endings if each.has_failed)
    names = [column.name for column in _tallies.primary_key]
    return [
        {**dict(zip(names, place, strict=True)), "run_count": count, "failed_count": failed[place]}
        for place, count in counts.items()
    ]


def _place(ending: Ending) -> tuple[Any, ...]:
    return (
        ending.organization_id,
        hour_of(ending.created_at),
        ending.toolset_slug,
        ending.tool_slug,
        ending.version,
        duration_class(ending.tool_ms),
    )


def _conditions(organization_id: OrganizationId, wanted: TallyFilter) -> list[ColumnElement[bool]]:
    equal = {
        _tallies.c.organization_id: organization_id,
        _tallies.c.toolset_slug: wanted.toolset,
        _tallies.c.tool_slug: wanted.tool,
        _tallies.c.version: wanted.version,
    }
    in_time = [
        _tallies.c.hour >= hour_of(wanted.since),
        _tallies.c.hour <= hour_of(wanted.until - timedelta.resolution),
    ]
    return [*(column == value for column, value in equal.items() if value is not None), *in_time]
