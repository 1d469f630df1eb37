"""Runs: row and repository. Runs are written by the journal; here they are read, and closed after a crash."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Index,
    Text,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain import ids
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.runs import INTERRUPTED, Run, RunError, RunFilter, RunStatus
from jinba_mcp.domain.words import words_in_query
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.credits import CreditRepository
from jinba_mcp.storage.paging import keys_that_fit, page_by, window_end
from jinba_mcp.storage.processes import ProcessRepository
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, WordList, record_of, table_of, values_of
from jinba_mcp.storage.words import WordRepository, word_run_id

_ID_SLACK_S = 60.0
"""An id is made a moment before or after the time that its run says it was created."""
_LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp() - 1

_WALLS_REMEMBERED = 100
_STATUSES = {status.value: status for status in RunStatus}
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
    isolation: Any = Field(sa_type=JsonText, nullable=True)
    key_id: str | None = Field(sa_type=WORD)
    key_name: str | None
    key_prefix: str | None
    user_id: str | None = Field(sa_type=WORD)
    client: str | None
    request_id: str | None
    replay_of: str | None = Field(sa_type=WORD)
    truncated: Any = Field(sa_type=WordList, nullable=True)
    redacted: Any = Field(sa_type=WordList, nullable=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(sa_type=UtcDateTime)
    process_id: str = Field(sa_type=WORD)
    cancel_requested_at: datetime | None = Field(sa_type=UtcDateTime)


class EndedRow(Row, table=True):
    """A run that has ended and is not filed yet under its words and in the tallies."""

    __tablename__ = "run_ended"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: str = Field(primary_key=True, sa_type=WORD)


_runs = table_of(RunRow)
_ended = table_of(EndedRow)
# In letters: of a status that is bound SQLite cannot know that the index of unfinished runs has it, and reads all runs.
_is_unfinished = _runs.c.status.in_([literal_column(f"'{status.value}'") for status in _UNFINISHED])
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

    def __init__(
        self, connection: Connection, processes: ProcessRepository, words: WordRepository, credit: CreditRepository
    ) -> None:
        self._connection = connection
        self._processes = processes
        self._words = words
        self._credits = credit

    async def find(self, organization_id: OrganizationId, run_id: RunId) -> Run | None:
        row = await self._connection.first(
            select(_runs).where(_runs.c.id == run_id, _runs.c.organization_id == organization_id)
        )
        return None if row is None else _run(row)

    async def start(self, run: Run) -> None:
        """Record a run that is about to begin, where more must be written with it than the journal does."""
        await self._processes.register(run.created_at)
        owned = {"process_id": self._processes.me.id, "cancel_requested_at": None}
        await self._connection.write(insert(_runs), values_of(run) | owned)

    async def request_cancelling(self, run_id: RunId, at: datetime) -> bool:
        """Mark a run for the process that it belongs to; False if it has ended or is marked already."""
        is_open = (_runs.c.id == run_id) & _is_unfinished & _runs.c.cancel_requested_at.is_(None)
        return await self._connection.write(update(_runs).where(is_open).values(cancel_requested_at=at)) > 0

    async def called_off(self) -> list[RunId]:
        """The runs of this process that are to be cancelled and have not ended."""
        is_mine = _runs.c.process_id == self._processes.me.id
        is_marked = _runs.c.cancel_requested_at.is_not(None)
        rows = await self._connection.all(select(_runs.c.id).where(is_mine, _is_unfinished, is_marked))
        return [RunId(row["id"]) for row in rows]

    async def page(self, organization_id: OrganizationId, wanted: RunFilter, request: PageRequest) -> Page[Run]:
        """An organization's runs that pass the filter, newest first.

        With words to look for, or by several columns at once, a page may be short and have another after it.
        """
        if wanted.q is not None:
            return await self._page_with_words(organization_id, wanted.q, wanted, request)
        indexed = _indexed(wanted)
        if len(indexed) > 1:
            return await self._page_by_several(organization_id, indexed, wanted, request)
        conditions = [*indexed, *_in_time(wanted), *_near_in_time(wanted, _runs.c.id)]
        statement = select(_runs).where(_runs.c.organization_id == organization_id, *conditions)
        return await page_by(self._connection, statement, _runs.c.id, request, _run, newest_first=True)

    async def _page_by_several(
        self,
        organization_id: OrganizationId,
        indexed: Sequence[ColumnElement[bool]],
        wanted: RunFilter,
        request: PageRequest,
    ) -> Page[Run]:
        # Left to itself a database may go through all runs of a common value to find those few of a rare one.
        bounds = [_runs.c.organization_id == organization_id, *_near_in_time(wanted, _runs.c.id)]
        if request.after is not None:
            bounds.append(_runs.c.id < request.after)
        newest_first = [select(_runs.c.id).where(each, *bounds).order_by(_runs.c.id.desc()) for each in indexed]
        # The rarest around here is the one whose window goes the farthest back.
        reaches = [await window_end(self._connection, keys) or "" for keys in newest_first]
        keys = newest_first[reaches.index(min(reaches))]
        limit = min(max(request.limit, 1), MAX_LIMIT)
        return await self._page_of(*await keys_that_fit(self._connection, keys, _passing(wanted), limit))

    async def _page_with_words(
        self, organization_id: OrganizationId, query: str, wanted: RunFilter, request: PageRequest
    ) -> Page[Run]:
        bounds = _near_in_time(wanted, word_run_id)
        if request.after is not None:
            bounds.append(word_run_id < request.after)
        limit = min(max(request.limit, 1), MAX_LIMIT)
        words = words_in_query(query)
        found, following = await self._words.matching(organization_id, words, bounds, _passing(wanted), limit)
        return await self._page_of(found, following)

    async def _page_of(self, found: Sequence[str], following: str | None) -> Page[Run]:
        rows = await self._connection.all(select(_runs).where(_runs.c.id.in_(found)).order_by(_runs.c.id.desc()))
        return Page(items=tuple(_run(row) for row in rows), next_cursor=following)

    async def unfiled(self, limit: int) -> list[Ending]:
        """Up to `limit` runs that have ended and are not filed, the oldest first."""
        waiting = select(*_ending_columns).join_from(_ended, _runs, _runs.c.id == _ended.c.run_id)
        return [_ending(row) for row in await self._connection.tuples(waiting.order_by(_ended.c.run_id).limit(limit))]

    async def forget_unfilable(self) -> None:
        """Take from the list of what is to be filed the runs that were deleted, with their organization, before."""
        is_there = exists(select(1).where(_runs.c.id == _ended.c.run_id))
        await self._connection.write(delete(_ended).where(~is_there))

    async def older(self, organization_id: OrganizationId, than: datetime, limit: int) -> list[Ending]:
        """Up to `limit` of the organization's oldest runs, if they began before that time and are filed."""
        is_old = (_runs.c.created_at < than) & (_runs.c.id <= _id_near(than, _ID_SLACK_S))
        return await self._oldest(organization_id, is_old, limit)

    async def next_organization(self, after: OrganizationId | None) -> OrganizationId | None:
        """The organizations that have runs, one by one."""
        following = select(func.min(_runs.c.organization_id))
        if after is not None:
            following = following.where(_runs.c.organization_id > after)
        found = await self._connection.value(following)
        return None if found is None else OrganizationId(found)

    async def nth_newest(self, organization_id: OrganizationId, n: int) -> RunId | None:
        """The run that `n` of the organization's are newer than. Goes through `n` entries of an index."""
        newest_first = select(_runs.c.id).where(_runs.c.organization_id == organization_id).order_by(_runs.c.id.desc())
        found = await self._connection.value(newest_first.limit(1).offset(n))
        return None if found is None else RunId(found)

    async def up_to(self, organization_id: OrganizationId, run_id: RunId, limit: int) -> list[Ending]:
        """Up to `limit` of the organization's oldest runs, none newer than that one, if they are filed."""
        return await self._oldest(organization_id, _runs.c.id <= run_id, limit)

    async def _oldest(
        self, organization_id: OrganizationId, condition: ColumnElement[bool], limit: int
    ) -> list[Ending]:
        # What is not filed yet is still to be counted and told of, so it stays until the next time.
        is_filed = ~exists(select(1).where(_ended.c.run_id == _runs.c.id))
        is_its = _runs.c.organization_id == organization_id
        ended = select(*_ending_columns).where(is_its, condition, ~_is_unfinished, is_filed)
        rows = await self._connection.tuples(ended.order_by(_runs.c.id).limit(limit))
        return [_ending(row) for row in rows]

    async def remove(self, run_ids: Sequence[RunId]) -> int:
        """Delete records, for good; how many of them were still there."""
        return await self._connection.write(delete(_runs).where(_runs.c.id.in_(run_ids)))

    async def interrupt_unfinished(self, at: datetime) -> int:
        """Close, as failed with `Interrupted`, the runs of processes that are gone; how many there were.

        What was taken for them is given back.

        Runs of living processes, this one included, are left alone, so this is safe at any time.
        """
        owners = await self._connection.all(select(_runs.c.process_id).where(_is_unfinished).distinct())
        gone = await self._processes.gone([row["process_id"] for row in owners], at)
        count = 0
        if gone:
            is_lost = _runs.c.process_id.in_(gone) & _is_unfinished
            lost = select(_runs.c.id).where(is_lost)
            await self._connection.write(
                self._connection.insertion(_ended).from_select(["run_id"], lost).on_conflict_do_nothing()
            )
            await self._credits.give_back(lost, at)
            count = await self._connection.write(
                update(_runs).where(is_lost).values(status=RunStatus.FAILED, error=INTERRUPTED, finished_at=at)
            )
        await self._processes.forget(await self._processes.all_gone(at))
        return count


_AS_TEXT = ("error", "isolation")
_ending_columns = [
    type_coerce(_runs.c[name], Text).label(name) if name in _AS_TEXT else _runs.c[name] for name in Ending._fields
]


def _ending(row: Sequence[Any]) -> Ending:
    *plain, status, error, isolation = row
    parsed_error = None if error is None else RunError.model_validate_json(error)
    return Ending._make([*plain, _STATUSES[status], parsed_error, None if isolation is None else _isolation(isolation)])


@lru_cache(_WALLS_REMEMBERED)
def _isolation(text: str) -> Isolation:
    return Isolation.model_validate_json(text)


def _indexed(wanted: RunFilter) -> list[ColumnElement[bool]]:
    """Conditions that each have an index of their own, those that are rare as a rule first."""
    equal = _equal(wanted, _runs)
    if "toolset_slug" in equal and "tool_slug" in equal:
        equal["tool_slug"] &= equal.pop("toolset_slug")
    return list(equal.values())


def _passing(wanted: RunFilter) -> Callable[[ColumnElement[str]], ColumnElement[bool]]:
    """The condition on a run with an id that it passes the filter."""
    run = _runs.alias()
    conditions = [*_equal(wanted, run).values(), *_in_time(wanted, run)]
    return lambda run_id: exists(select(1).where(run.c.id == run_id, *conditions))


def _equal(wanted: RunFilter, run: FromClause) -> dict[str, ColumnElement[bool]]:
    equal = {
        "key_id": wanted.key_id,
        "tool_slug": wanted.tool,
        "toolset_slug": wanted.toolset,
        "version": wanted.version,
        "status": wanted.status,
        "source": wanted.source,
    }
    return {name: run.c[name] == value for name, value in equal.items() if value is not None}


def _in_time(wanted: RunFilter, run: FromClause = _runs) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.since is not None:
        conditions.append(run.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(run.c.created_at < wanted.until)
    return conditions


def _near_in_time(wanted: RunFilter, run_id: ColumnElement[str]) -> list[ColumnElement[bool]]:
    # Ids sort by time, so a bound on the id lets the index that gives the order end the search as well.
    conditions = []
    if wanted.since is not None:
        conditions.append(run_id >= _id_near(wanted.since, -_ID_SLACK_S))
    if wanted.until is not None:
        conditions.append(run_id <= _id_near(wanted.until, _ID_SLACK_S))
    return conditions


def _id_near(at: datetime, slack_s: float) -> str:
    seconds = min(max(at.timestamp() + slack_s, 0), _LAST_SECOND)
    return ids.run_id(datetime.fromtimestamp(seconds, UTC))
