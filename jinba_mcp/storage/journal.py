"""The run journal: calls in flight share commits, and a call goes on only after the commit that holds its record."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Dialect, bindparam, update
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite

from jinba_mcp.domain.errors import JinbaError, LimitExceeded, ShuttingDown, Unavailable
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.database import Database, Write
from jinba_mcp.storage.failures import DRIVER_ERRORS
from jinba_mcp.storage.processes import ProcessIdentity, ProcessRow, registration
from jinba_mcp.storage.runs import RunRow
from jinba_mcp.storage.tables import Row, table_of, values_of

logger = logging.getLogger(__name__)

MAX_QUEUED = 10_000
_MAX_BATCH = 500
"""A transaction of this many rows takes some 20 ms, which is what the calls that come next have to wait."""
_BOUND = "bound_"
"""Begins the name of every bound value, for SQLAlchemy keeps the plain names of columns to itself."""
_FINISHED_WITH = ("status", "started_at", "finished_at", "output", "content", "error", "logs")


class _Statement:
    """A statement compiled once, and the conversion of values to the tuples that its driver takes."""

    def __init__(self, statement: Any, row: type[Row], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        columns = table_of(row).c
        self._columns = [
            (name, columns[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in (bound.removeprefix(_BOUND) for bound in compiled.positiontup)
        ]

    def values(self, named: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(named[name] if convert is None else convert(named[name]) for name, convert in self._columns)


@dataclass(eq=False, slots=True)
class _Entry:
    statement: _Statement
    values: tuple[Any, ...]
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, error: BaseException | None) -> None:
        if self.done.done():
            return  # Its caller went away; the write stands all the same.
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class RunJournal:
    """Writes runs. One task takes all that is queued and commits it together; a lone call waits for one small commit.

    A caller that is cancelled while it waits has its run written nevertheless.
    """

    def __init__(self, database: Database, me: ProcessIdentity, *, max_queued: int = MAX_QUEUED) -> None:
        self._database = database
        self._me = me
        self._max_queued = max_queued
        self._insert = _insert(RunRow, database.dialect)
        self._register = _insert(ProcessRow, database.dialect)
        self._update = _update(database.dialect)
        self._registration: Write | None = None
        self.has_registered = False
        """Whether this process's own row has been written, which the first batch of starts does."""
        self._queue: deque[_Entry] = deque()
        self._writing: Sequence[_Entry] = ()
        self._wake = asyncio.Event()
        self._is_closing = False
        self._writer = asyncio.create_task(self._write_forever())
        self._writer.add_done_callback(self._writer_ended)

    async def start(self, run: Run) -> None:
        """Record a run that is about to begin; returns when the record is durable.

        Raises:
            LimitExceeded: too many are waiting to be written.
            Unavailable: the database could not take it; the run must not go on.
            Invalid: it holds text that the database cannot.
        """
        await self._insert_run(run)

    async def record(self, run: Run) -> None:
        """Record a run that ended before it began, such as one whose arguments were refused. Raises as `start` does."""
        await self._insert_run(run)

    async def finish(self, run: Run) -> None:
        """Record how a started run ended; returns when that is durable.

        It is never refused for a full queue: there are no more runs to finish than were let in. What the owner of a run
        says of it holds even if another process took the owner for dead and had the run closed.

        Raises:
            Unavailable: the database could not take it.
        """
        values = values_of(run)
        named = {name: values[name] for name in _FINISHED_WITH} | {"id": run.id}
        await self._append(_Entry(self._update, self._update.values(named)))

    async def close(self) -> None:
        """Write what is queued, then end. Whatever comes later is refused."""
        self._is_closing = True
        self._wake.set()
        await asyncio.wait([self._writer])

    async def _insert_run(self, run: Run) -> None:
        if len(self._queue) >= self._max_queued:
            raise LimitExceeded("Too many runs are waiting to be recorded. Try again in a moment.")
        if self._registration is None:
            row = self._register.values(registration(self._me, run.created_at))
            self._registration = Write(self._register.sql, [row])
        named = values_of(run) | {"process_id": self._me.id}
        await self._append(_Entry(self._insert, self._insert.values(named)))

    async def _append(self, entry: _Entry) -> None:
        if self._is_closing:
            raise ShuttingDown
        if self._writer.done():
            raise _stopped()
        self._queue.append(entry)
        self._wake.set()
        await entry.done

    async def _write_forever(self) -> None:
        while True:
            while not self._queue:
                if self._is_closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            self._writing = [self._queue.popleft() for _ in range(min(len(self._queue), _MAX_BATCH))]
            await self._write(self._writing)
            self._writing = ()

    async def _write(self, entries: Sequence[_Entry]) -> None:
        try:
            await self._database.write_batch(self._writes(entries))
        except (JinbaError, *DRIVER_ERRORS) as error:
            if len(entries) == 1 or isinstance(error, Unavailable):
                _settle(entries, error)
                return
            # One entry is poisonous; each on its own, the others get through.
            for entry in entries:
                await self._write([entry])
        else:
            self.has_registered = self._registration is not None
            _settle(entries, None)

    def _writes(self, entries: Iterable[_Entry]) -> list[Write]:
        rows: dict[_Statement, list[tuple[Any, ...]]] = {self._insert: [], self._update: []}
        for entry in entries:
            rows[entry.statement].append(entry.values)
        # Inserts go first, so that a run both started and ended in this batch is there to be ended.
        writes = [Write(statement.sql, values) for statement, values in rows.items() if values]
        if self._registration is not None and not self.has_registered:
            writes.insert(0, self._registration)
        return writes

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        error = None if writer.cancelled() else writer.exception()
        if error is not None:
            logger.error("The run journal has stopped", exc_info=error, extra={"event": "journal.stopped"})
        _settle([*self._writing, *self._queue], _stopped())
        self._queue.clear()


def _settle(entries: Iterable[_Entry], error: BaseException | None) -> None:
    for entry in entries:
        # Each its own: an exception collects the traceback of everyone who raises it.
        entry.settle(Unavailable(error.message) if isinstance(error, Unavailable) else error)


def _stopped() -> Unavailable:
    return Unavailable("Runs cannot be recorded any more, so none are started. Restart the server.")


def _insert(row: type[Row], dialect: Dialect) -> _Statement:
    # A batch is repeated when the connection broke at its commit, and may then find its rows there already.
    insert = insert_on_sqlite if dialect.name == "sqlite" else insert_on_postgresql
    values = {column.name: _bound(row, column.name) for column in table_of(row).c}
    return _Statement(insert(table_of(row)).values(values).on_conflict_do_nothing(), row, dialect)


def _update(dialect: Dialect) -> _Statement:
    runs = table_of(RunRow)
    values = {name: _bound(RunRow, name) for name in _FINISHED_WITH}
    return _Statement(update(runs).where(runs.c.id == _bound(RunRow, "id")).values(values), RunRow, dialect)


def _bound(row: type[Row], name: str) -> BindParameter[Any]:
    return bindparam(f"{_BOUND}{name}", type_=table_of(row).c[name].type)
