"""The door of the room: one open database, its transactions, its run journal and its generation."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import anyio

from jinba_mcp.domain.errors import Invalid, Unavailable
from jinba_mcp.storage import schema
from jinba_mcp.storage.changes import ChangeSignal
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.database import Database, move_generation
from jinba_mcp.storage.failures import translated
from jinba_mcp.storage.filing import RunFiling
from jinba_mcp.storage.journal import RunJournal
from jinba_mcp.storage.postgresql import PostgresqlDatabase
from jinba_mcp.storage.processes import this_process
from jinba_mcp.storage.sqlite import SqliteDatabase
from jinba_mcp.storage.transaction import Transaction


class Store:
    """An open database. Everything here raises `Unavailable` when the database cannot be reached or is too busy."""

    @classmethod
    async def open(
        cls, url: str, *, on_change: Callable[[int], None] | None = None, beacon: Path | None = None
    ) -> "Store":
        """Connect to `sqlite:////absolute/path` or `postgresql://user@host/database`; the schema is left as it is.

        The SQLite file (0600) and its directory (0700) are made if they are not there. `on_change` is called on the
        event loop with each generation that this process learns of. Processes that open PostgreSQL with the same file
        `beacon`, made if it is not there, see each other's changes at once.

        Raises:
            Invalid: this is no such URL.
            Unavailable: the database cannot be opened.
        """
        return cls(await _database(url, ChangeSignal(on_change), beacon))

    def __init__(self, database: Database) -> None:
        self._database = database
        self._me = this_process()
        self._has_beaten = False
        self.journal = RunJournal(database, self._me)
        self.filing = RunFiling(database)

    async def close(self) -> None:
        """Write what the journal still holds, say that this process is done with its runs, and disconnect."""
        await self.journal.close()
        try:
            if self.journal.has_registered or self._has_beaten:
                # If the database is gone, the others find out by themselves that this process is.
                with suppress(Unavailable):
                    async with self.begin() as tx:
                        await tx.processes.leave()
        finally:
            await self._database.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction that may write: committed on clean exit, rolled back on error.

        There is one at a time, so what was read in it holds until it ends. Keep it short.
        """
        async with self._database.writing() as driver:
            connection = Connection(driver, is_writable=True)
            yield Transaction(connection, self._me)
            generation = None
            # Once the caller's part is over the rest is not given up half-way, or nobody here would hear of the change.
            with translated(), anyio.CancelScope(shield=True):
                if connection.has_changed:
                    generation = await move_generation(driver)
                    await self._database.announce(driver, generation)
                await driver.commit()
        if generation is not None:
            self._database.committed(generation)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that sees one moment and writes nothing. Never waits for writers."""
        async with self._database.reading() as driver:
            yield Transaction(Connection(driver, is_writable=False), self._me)

    async def generation(self) -> int:
        """A number that moves when anything changed that may be cached.

        One's own changes show at once. Those of other processes show at once on SQLite, and on PostgreSQL if they share
        a beacon; else as soon as their notice arrives, and within a second when the connection that listens is down.
        """
        return await self._database.generation()

    def generation_at_hand(self) -> int | None:
        """What `generation` would say, where that is known without waiting for anything."""
        return self._database.generation_at_hand()

    @property
    def last_generation(self) -> int:
        """What `generation` would say if nothing had changed since somebody here asked last."""
        return self._database.signal.last

    async def wait_for_change(self, seen: int) -> int:
        """The generation as soon as it differs from `seen`. May wait for ever; the caller bounds it."""
        return await self._database.wait_for_change(seen)

    async def heartbeat(self, now: datetime) -> None:
        """Say that this process lives; due every 10 s, for silence of 30 s makes others close its runs."""
        self._has_beaten = True
        async with self.begin() as tx:
            await tx.processes.heartbeat(now)

    async def upgrade(self) -> None:
        """Bring the schema to the newest revision; safe to do at once in several processes, and to repeat."""
        from jinba_mcp.storage import upgrading  # noqa: PLC0415  Alembic, which takes long to import, for few boots

        with translated():
            async with self._database.migrating() as driver:
                await driver.run_sync(upgrading.upgrade)

    async def schema_revision(self) -> str | None:
        """The revision that the database is at; None before the first upgrade."""
        async with self._database.reading() as driver:
            with translated():
                return await driver.run_sync(schema.current_revision)

    def head_revision(self) -> str:
        """The revision that this version of the program works with."""
        return schema.head_revision()

    async def check(self) -> list[str]:
        """What is wrong with the database, one sentence each; empty when it is healthy. Reads all of it."""
        found = await self._database.problems()
        current, head = await self.schema_revision(), self.head_revision()
        if current != head:
            found.append(f"the schema is behind: at revision {current}, not {head}; run 'jinba-mcp db upgrade'")
        return found

    async def backup(self, target: Path) -> None:
        """Copy an SQLite database, as of one moment and without stopping it, to a new file (0600).

        Raises:
            Conflict: the file exists.
            Invalid: it cannot be made.
            Unavailable: this is PostgreSQL, which brings its own tool.
        """
        await self._database.backup(target)

    async def ping(self) -> None:
        """Return if the database answers and has a schema."""
        async with self.read() as tx:
            await tx.keys.any_exists()


async def _database(url: str, signal: ChangeSignal, beacon: Path | None) -> Database:
    scheme, _, rest = url.partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+asyncpg"):
        return await PostgresqlDatabase.open(f"postgresql://{rest}", signal, beacon)
    # The path is what follows, letter by letter: a directory may have a percent sign or a question mark in its name.
    path = rest.removeprefix("/") if scheme in ("sqlite", "sqlite+aiosqlite") and rest.startswith("/") else ""
    if not path or path == ":memory:":
        # The URL itself may hold a password, so it is not repeated.
        raise Invalid("The database URL must be sqlite:////absolute/path/jinba.db or postgresql://user@host/database.")
    return await SqliteDatabase.open(Path(path), signal)
