"""Runs: row and repository. Runs are written by the journal; here they are read, and closed after a crash."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain import ids
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.runs import INTERRUPTED, Run, RunFilter, RunStatus
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.processes import ProcessRepository
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of

_ID_SLACK_S = 60.0
"""An id is made a moment before or after the time that its run says it was created."""
_LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp() - 1

_UNFINISHED = tuple(status for status in RunStatus if not status.is_final)


class RunRow(Row, table=True):
    """One call, and the server process that it belongs to.

    There are no foreign keys on purpose: a record of what happened can be written whatever is deleted meanwhile.
    """

    __tablename__ = "run"

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(sa_type=WORD)
    toolset_slug: str = Field(sa_type=WORD)
    tool_slug: str = Field(sa_type=WORD)
    version_id: str = Field(sa_type=WORD)
    version: str = Field(sa_type=WORD)
    version_digest: str
    source: str = Field(sa_type=WORD)
    status: str = Field(sa_type=WORD)
    input: Any = Field(sa_type=JsonText, nullable=False)
    output: Any = Field(sa_type=JsonText, nullable=True)
    content: Any = Field(sa_type=JsonText, nullable=True)
    error: Any = Field(sa_type=JsonText, nullable=True)
    logs: Any = Field(sa_type=JsonText, nullable=False)
    key_id: str | None = Field(sa_type=WORD)
    key_name: str | None
    key_prefix: str | None
    user_id: str | None = Field(sa_type=WORD)
    client: str | None
    request_id: str | None
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(sa_type=UtcDateTime)
    process_id: str = Field(sa_type=WORD)


_runs = table_of(RunRow)
_is_unfinished = _runs.c.status.in_(_UNFINISHED)
_listed_by = {
    "organization": (),
    "status": (_runs.c.status,),
    "toolset": (_runs.c.toolset_slug, _runs.c.tool_slug),
    "tool": (_runs.c.tool_slug,),
    "version": (_runs.c.version,),
    "source": (_runs.c.source,),
    "key": (_runs.c.key_id,),
}
for _name, _columns in _listed_by.items():
    Index(f"ix_run_{_name}", _runs.c.organization_id, *_columns, _runs.c.id)
Index("ix_run_unfinished", _runs.c.process_id, sqlite_where=_is_unfinished, postgresql_where=_is_unfinished)


def _run(row: RowMapping) -> Run:
    return record_of(Run, row, _runs)


class RunRepository:
    """Runs in one transaction."""

    def __init__(self, connection: Connection, processes: ProcessRepository) -> None:
        self._connection = connection
        self._processes = processes

    async def find(self, organization_id: OrganizationId, run_id: RunId) -> Run | None:
        row = await self._connection.first(
            select(_runs).where(_runs.c.id == run_id, _runs.c.organization_id == organization_id)
        )
        return None if row is None else _run(row)

    async def page(self, organization_id: OrganizationId, wanted: RunFilter, request: PageRequest) -> Page[Run]:
        """An organization's runs that pass the filter, newest first."""
        statement = select(_runs).where(_runs.c.organization_id == organization_id, *_conditions(wanted))
        return await page_by(self._connection, statement, _runs.c.id, request, _run, newest_first=True)

    async def interrupt_unfinished(self, at: datetime) -> int:
        """Close, as failed with `Interrupted`, the runs of processes that are gone; how many there were.

        Runs of living processes, this one included, are left alone, so this is safe at any time.
        """
        owners = await self._connection.all(select(_runs.c.process_id).where(_is_unfinished).distinct())
        gone = await self._processes.gone([row["process_id"] for row in owners], at)
        count = 0
        if gone:
            count = await self._connection.write(
                update(_runs)
                .where(_runs.c.process_id.in_(gone), _is_unfinished)
                .values(status=RunStatus.FAILED, error=INTERRUPTED, finished_at=at)
            )
        await self._processes.forget(await self._processes.all_gone(at))
        return count


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    equal = {
        _runs.c.status: wanted.status,
        _runs.c.toolset_slug: wanted.toolset,
        _runs.c.tool_slug: wanted.tool,
        _runs.c.version: wanted.version,
        _runs.c.source: wanted.source,
        _runs.c.key_id: wanted.key_id,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    # Ids sort by time, so a bound on the id lets the index that gives the order end the search as well.
    if wanted.since is not None:
        conditions += [_runs.c.created_at >= wanted.since, _runs.c.id >= _id_near(wanted.since, -_ID_SLACK_S)]
    if wanted.until is not None:
        conditions += [_runs.c.created_at < wanted.until, _runs.c.id <= _id_near(wanted.until, _ID_SLACK_S)]
    return conditions


def _id_near(at: datetime, slack_s: float) -> str:
    seconds = min(max(at.timestamp() + slack_s, 0), _LAST_SECOND)
    return ids.run_id(datetime.fromtimestamp(seconds, UTC))
