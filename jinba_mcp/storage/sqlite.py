"""SQLite in WAL mode: one writer at a time in this process, readers that never wait, a file only its owner can read."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jinba_mcp.domain.errors import Conflict, Invalid, Unavailable
from jinba_mcp.storage.changes import READ_GENERATION, ChangeSignal
from jinba_mcp.storage.database import BUSY_TIMEOUT_S, Write, connected
from jinba_mcp.storage.failures import BUSY, translated
from jinba_mcp.storage.writer_thread import WriterThread

T = TypeVar("T")

_READERS = 4
_POLL_S = 1.0
_RETRY_S = 0.0005
"""How soon the journal asks again when another process is writing, which takes a millisecond or two."""
_COUNTER_TIMEOUT_S = 1.0
"""Reading the generation holds the event loop; in WAL mode it waits only while a crashed writer's log is recovered."""
_MAX_PROBLEMS = 100
_PRAGMAS: tuple[str, ...] = ("foreign_keys = ON", "synchronous = FULL", f"busy_timeout = {BUSY_TIMEOUT_S * 1000}")


class SqliteDatabase:
    """One database file.

    The journal writes by a connection and a thread of its own, so that a whole batch costs a single hop between
    threads; a lock keeps it and `writing` from waiting for each other by way of SQLite's slow busy loop.
    """

    @classmethod
    async def open(cls, path: Path, signal: ChangeSignal) -> "SqliteDatabase":
        """Open the file, made if it is not there (0600, its directory 0700), and put it in WAL mode."""
        with translated():
            return cls(await anyio.to_thread.run_sync(_prepare, path), signal)

    def __init__(self, path: Path, signal: ChangeSignal) -> None:
        self.signal = signal
        self._path = path
        self._writer = _engine(path, 1, "IMMEDIATE")
        self._readers = _engine(path, _READERS, "DEFERRED", "query_only = ON")
        self.dialect = self._writer.dialect
        self._lock = asyncio.Lock()
        self._counter = _connect(path, _COUNTER_TIMEOUT_S)
        self._journal = _connect(path, 0, *_PRAGMAS, "busy_timeout = 0")
        self._thread = WriterThread("jinba-journal")
        self._has_just_looked = False
        self._waiting_count = 0
        self._poller: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        await self._take_turn()
        try:
            yield
        finally:
            self._lock.release()

    async def _take_turn(self) -> None:
        if self._lock.locked():
            try:
                async with asyncio.timeout(BUSY_TIMEOUT_S):
                    await self._lock.acquire()
            except TimeoutError as error:
                raise Unavailable(BUSY) from error
        else:
            await self._lock.acquire()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._turn(), connected(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        async with connected(self._readers) as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        # Tables are changed by copying them, which foreign keys, on by connection, would forbid; so: another engine.
        engine = _engine(self._path, 1, "IMMEDIATE", "foreign_keys = OFF")
        try:
            async with self._turn(), engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    async def write_batch(self, writes: Sequence[Write]) -> None:
        await self._take_turn()
        try:
            with translated():
                await self._thread.run(partial(self._write, writes))
        finally:
            self._lock.release()

    def _write(self, writes: Sequence[Write]) -> None:
        self._begin()
        try:
            for sql, rows in writes:
                self._journal.executemany(sql, rows)
            self._journal.execute("COMMIT")
        finally:
            if self._journal.in_transaction:
                self._journal.execute("ROLLBACK")

    def _begin(self) -> None:
        # SQLite's own loop sleeps for up to 100 ms, while the other processes write a dozen batches.
        until = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._journal.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    async def announce(self, connection: AsyncConnection, generation: int) -> None:
        """Nothing to do: other processes read the row."""

    def committed(self, generation: int) -> None:
        self.signal.notice(generation)

    def generation_at_hand(self) -> int | None:
        return self.signal.last if self._has_just_looked else None

    async def generation(self) -> int:
        # Once for each turn of the event loop: whatever a request of this turn may know of had been committed before.
        if not self._has_just_looked:
            # On the event loop on purpose: this is a read from the page cache, which costs less than asking a thread.
            with translated():
                (value,) = self._counter.execute(READ_GENERATION).fetchone()
            self.signal.notice(value)
            self._has_just_looked = True
            asyncio.get_running_loop().call_soon(self._look_again)
        return self.signal.last

    def _look_again(self) -> None:
        self._has_just_looked = False

    async def wait_for_change(self, seen: int) -> int:
        await self.generation()
        self._waiting_count += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
            self._poller.add_done_callback(self._poll_ended)
        try:
            return await self.signal.wait(seen)
        finally:
            self._waiting_count -= 1
            if self._waiting_count == 0 and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            await self.generation()

    def _poll_ended(self, poller: asyncio.Task[None]) -> None:
        if poller.cancelled():
            return
        self._poller = None
        error = poller.exception()
        if error is not None:
            self.signal.fail(error)

    async def problems(self) -> list[str]:
        return await self._in_thread(_problems)

    async def backup(self, target: Path) -> None:
        await self._in_thread(lambda source: _copy(source, target))

    async def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            with closing(_connect(self._path, BUSY_TIMEOUT_S)) as connection:
                return work(connection)

        with translated():
            return await anyio.to_thread.run_sync(run)

    async def close(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
        self._thread.close()
        self._journal.close()
        self._counter.close()
        await self._readers.dispose()
        await self._writer.dispose()


def _connect(path: Path, timeout_s: float, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _engine(path: Path, size: int, begin: str, *pragmas: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    # sqlite3 begins transactions when it sees fit, and none before a SELECT; so it is told to leave that to us.
    @event.listens_for(engine.sync_engine, "connect")
    def connected(driver: Any, _record: object) -> None:
        driver.isolation_level = None
        cursor = driver.cursor()
        for pragma in (*_PRAGMAS, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _prepare(path: Path) -> Path:
    path = path.absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _create(path)
    except OSError as error:
        raise Unavailable(f"The data directory '{path.parent}' cannot be used: {error.strerror}.") from error
    with closing(_connect(path, BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def _create(path: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _problems(connection: sqlite3.Connection) -> list[str]:
    found = [line for (line,) in connection.execute(f"PRAGMA integrity_check({_MAX_PROBLEMS})") if line != "ok"]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(_MAX_PROBLEMS)
    return found + [f"row {row} of '{table}' refers to a missing '{parent}'" for table, row, parent, _ in orphans]


def _copy(source: sqlite3.Connection, target: Path) -> None:
    try:
        _create(target)
    except FileExistsError as error:
        raise Conflict(f"There is already a file '{target}'. Name one that does not exist.") from error
    except OSError as error:
        raise Invalid(f"The file '{target}' cannot be made: {error.strerror}.") from error
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error:
        target.unlink()
        raise
