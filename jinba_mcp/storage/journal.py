"""The run journal: calls in flight share commits, and a call goes on only after the commit that holds its record."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Dialect, Select, Update, exists, select, update
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from jinba_mcp.domain.errors import JinbaError, LimitExceeded, ShuttingDown, Unavailable
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.database import Database, Write
from jinba_mcp.storage.failures import DRIVER_ERRORS
from jinba_mcp.storage.processes import ProcessIdentity, ProcessRow, registration
from jinba_mcp.storage.runs import EndedRow, RunRow
from jinba_mcp.storage.statements import Statement, bound
from jinba_mcp.storage.tables import Row, insertion_into, table_of

logger = logging.getLogger(__name__)

MAX_QUEUED = 10_000
_MAX_BATCH = 500
"""A transaction of this many rows takes some 20 ms, which is what the calls that come next have to wait."""
_SIBLINGS = 4
"""Where so many calls are running that nobody waits for the start of, some are over soon, and the batch waits for those
(as PostgreSQL's `commit_siblings` has it): calls that are few are not held up, and many share fewer commits."""
_GATHER_S = 0.001
"""For how long."""
_LEISURE_S = 0.01
"""How long a start that nobody waits for may wait for its end, so that the two are written as one."""
_runs = table_of(RunRow)
_MARKS = ("truncated", "redacted")
_FINISHED_WITH = ("status", "started_at", "finished_at", "output", "content", "error", "logs", "isolation", *_MARKS)


@dataclass(eq=False, slots=True)
class Entry:
    """A record on its way."""

    run: Run
    statements: tuple[Statement, ...]
    done: asyncio.Future[None]
    is_taken: bool = False
    """Whether it is being written, so that it cannot be changed any more."""

    def settle(self, error: BaseException | None) -> None:
        if self.done.done():
            return  # Its caller went away; the write stands all the same.
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            # Whoever began a run may go away before it looks how that went; looked at, nobody logs it as forgotten.
            self.done.exception()


class RunJournal:
    """Writes runs. One task takes all that is queued and commits it together; a lone call waits for one small commit.

    A caller that is cancelled while it waits has its run written nevertheless.
    """

    def __init__(self, database: Database, me: ProcessIdentity, *, max_queued: int = MAX_QUEUED) -> None:
        self._database = database
        self._me = me
        self._max_queued = max_queued
        self._register, note, self._insert, self._finish = _compiled(database.dialect)
        self._insert_ended = note, self._insert
        self._registration: Write | None = None
        self.has_registered = False
        """Whether this process's own row has been written, which the first batch of starts does."""
        self._begun: OrderedDict[Entry, float] = OrderedDict()
        """Starts that nobody waits for, and when each is written at the latest, on the clock of the event loop."""
        self._timer: asyncio.TimerHandle | None = None
        self._queue: deque[Entry] = deque()
        self._writing: Sequence[Entry] = ()
        self._wake = asyncio.Event()
        self._is_closing = False
        self._loop = asyncio.get_running_loop()
        self._writer = asyncio.create_task(self._write_forever())
        self._writer.add_done_callback(self._writer_ended)

    async def start(self, run: Run) -> None:
        """Record a run that is about to begin; returns when the record is durable.

        Raises:
            LimitExceeded: too many are waiting to be written.
            Unavailable: the database could not take it; the run must not go on.
            Invalid: it holds text that the database cannot.
        """
        await self._enqueue(self._insertion(run, (self._insert,)))

    def begin(self, run: Run) -> Entry:
        """Record a run that begins at once, for what may be run twice; soon, unless it is over before.

        `finish` waits until start and end are durable.

        Raises:
            LimitExceeded: too many are waiting to be written.
        """
        entry = self._insertion(run, (self._insert,))
        self._begun[entry] = self._loop.time() + _LEISURE_S
        if self._timer is None:
            self._timer = self._loop.call_later(_LEISURE_S, self._enqueue_begun)
        return entry

    async def record(self, run: Run) -> None:
        """Record a run that ended before it began, such as one whose arguments were refused. Raises as `start` does."""
        await self._enqueue(self._insertion(run, self._insert_ended))

    async def finish(self, run: Run, started: Entry | None = None) -> None:
        """Record how a started run ended; returns when that is durable.

        It is never refused for a full queue: there are no more runs to finish than were let in. A run ends once: what
        another process told of it, when it took this one for dead and closed the run, is not taken back. With what
        `begin` gave, a run that is over before its start was written is written once.

        Raises:
            Unavailable: the database could not take it.
            Invalid: it, or what was begun, holds text that the database cannot.
        """
        if started is not None and not started.is_taken and not started.done.done():
            started.run, started.statements = run, self._insert_ended
            if self._begun.pop(started, None) is not None:
                self._enqueue(started)
        else:
            await self._enqueue(self._entry(run, self._finish))
        if started is not None:
            await started.done

    async def close(self) -> None:
        """Write what is queued, then end. Whatever comes later is refused."""
        self._is_closing = True
        self._enqueue_begun()
        self._wake.set()
        await asyncio.wait([self._writer])

    def _insertion(self, run: Run, statements: tuple[Statement, ...]) -> Entry:
        if len(self._queue) + len(self._begun) >= self._max_queued:
            raise LimitExceeded("Too many runs are waiting to be recorded. Try again in a moment.")
        if self._registration is None:
            row = self._register.values(registration(self._me, run.created_at))
            self._registration = Write(self._register.sql, [row])
        return self._entry(run, statements)

    def _entry(self, run: Run, statements: tuple[Statement, ...]) -> Entry:
        if self._is_closing:
            raise ShuttingDown
        if self._writer.done():
            raise _stopped()
        return Entry(run, statements, self._loop.create_future())

    def _enqueue(self, entry: Entry) -> asyncio.Future[None]:
        self._queue.append(entry)
        self._wake.set()
        return entry.done

    def _enqueue_begun(self) -> None:
        """Enqueue what may not wait any longer; when the journal closes, all."""
        self._timer, now = None, self._loop.time()
        while self._begun:
            entry, due = next(iter(self._begun.items()))
            if due > now and not self._is_closing:
                self._timer = self._loop.call_at(due, self._enqueue_begun)
                return
            del self._begun[entry]
            self._enqueue(entry)

    async def _write_forever(self) -> None:
        while True:
            while not self._queue:
                if self._is_closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            if len(self._begun) >= _SIBLINGS and not self._is_closing:
                await asyncio.sleep(_GATHER_S)
            self._writing = [self._taken() for _ in range(min(len(self._queue), _MAX_BATCH))]
            await self._write(self._writing)
            self._writing = ()

    def _taken(self) -> Entry:
        entry = self._queue.popleft()
        entry.is_taken = True
        return entry

    async def _write(self, entries: Sequence[Entry]) -> None:
        try:
            await self._database.write_batch(self._writes(entries))
        except (JinbaError, ValueError, *DRIVER_ERRORS) as error:
            if len(entries) == 1 or isinstance(error, Unavailable):
                _settle(entries, error)
                return
            # One entry is poisonous; each on its own, the others get through.
            for entry in entries:
                await self._write([entry])
        else:
            self.has_registered = self._registration is not None
            _settle(entries, None)

    def _writes(self, entries: Iterable[Entry]) -> list[Write]:
        rows: dict[Statement, list[tuple[Any, ...]]] = {each: [] for each in (*self._insert_ended, *self._finish)}
        for entry in entries:
            named = {**vars(entry.run), "process_id": self._me.id, "cancel_requested_at": None}
            for statement in entry.statements:
                rows[statement].append(statement.values(named))
        # In this order, so that a run both started and ended in this batch is there to be ended.
        writes = [Write(statement.sql, some) for statement, some in rows.items() if some]
        if self._registration is not None and not self.has_registered:
            writes.insert(0, self._registration)
        return writes

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        error = None if writer.cancelled() else writer.exception()
        if error is not None:
            logger.error("The run journal has stopped", exc_info=error, extra={"event": "journal.stopped"})
        _settle([*self._writing, *self._queue, *self._begun], _stopped())
        self._queue.clear()
        self._begun.clear()


def _settle(entries: Iterable[Entry], error: BaseException | None) -> None:
    for entry in entries:
        # Each its own: an exception collects the traceback of everyone who raises it.
        entry.settle(Unavailable(error.message) if isinstance(error, Unavailable) else error)


def _stopped() -> Unavailable:
    return Unavailable("Runs cannot be recorded any more, so none are started. Restart the server.")


class _Compiled(NamedTuple):
    """All that a journal writes with."""

    register: Statement
    note: Statement
    """That a run is to be filed which is inserted ended."""
    insert: Statement
    finish: tuple[Statement, ...]
    """Ends a run that has not ended, and notes that it is to be filed."""


_COMPILED: dict[str, _Compiled] = {}


def _compiled(dialect: Dialect) -> _Compiled:
    """Compiled once for each kind of database: that takes milliseconds."""
    if dialect.name not in _COMPILED:
        finish = _finish_on_sqlite(dialect) if dialect.name == "sqlite" else _finish_on_postgresql(dialect)
        _COMPILED[dialect.name] = _Compiled(
            _insert(ProcessRow, dialect), _note(dialect), _insert(RunRow, dialect), finish
        )
    return _COMPILED[dialect.name]


def _insert(row: type[Row], dialect: Dialect) -> Statement:
    # A batch is repeated when the connection broke at its commit, and may then find its rows there already.
    insertion = insertion_into(table_of(row), dialect)
    values = {column.name: bound(column) for column in table_of(row).c}
    return Statement(insertion.values(values).on_conflict_do_nothing(), dialect)


def _note(dialect: Dialect) -> Statement:
    # In such a repeated batch the run is there, and may be filed already.
    is_there = exists(select(1).where(_runs.c.id == bound(_runs.c.id)))
    return Statement(_noted(select(bound(_runs.c.id)).where(~is_there), dialect), dialect)


def _finish_on_sqlite(dialect: Dialect) -> tuple[Statement, ...]:
    # One writes at a time there, so that what is noted first is what is ended then.
    ending = _noted(select(_runs.c.id).where(_is_to_end()), dialect)
    return Statement(ending, dialect), Statement(_ending(), dialect)


def _finish_on_postgresql(dialect: Dialect) -> tuple[Statement, ...]:
    # One statement, which saves three round trips and is right whoever else ends the run at that moment.
    ended = _ending().returning(_runs.c.id).cte("finished")
    return (Statement(_noted(select(ended.c.id), dialect), dialect),)


def _ending() -> Update:
    return update(_runs).where(_is_to_end()).values({name: bound(_runs.c[name]) for name in _FINISHED_WITH})


def _is_to_end() -> ColumnElement[bool]:
    return (_runs.c.id == bound(_runs.c.id)) & _runs.c.finished_at.is_(None)


def _noted(run_ids: Select[Any], dialect: Dialect) -> SqliteInsert | PostgresqlInsert:
    return insertion_into(table_of(EndedRow), dialect).from_select(["run_id"], run_ids).on_conflict_do_nothing()
