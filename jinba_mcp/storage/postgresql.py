"""PostgreSQL by asyncpg: the same promises as SQLite, kept with an advisory lock, snapshots and NOTIFY."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from jinba_mcp.domain.errors import Invalid, Unavailable
from jinba_mcp.storage.beacon import Beacon
from jinba_mcp.storage.changes import READ_GENERATION, ChangeSignal
from jinba_mcp.storage.database import BUSY_TIMEOUT_S, Write, connected
from jinba_mcp.storage.failures import DRIVER_ERRORS, translated
from jinba_mcp.storage.listener import CHANNEL, ChangeListener, connect_to
from jinba_mcp.storage.tables import Row

_POOL_SIZE = 10
_STALE_S = 1.0
_WRITER_LOCK = 0x6A696E62
_MIGRATION_LOCK = 0x6A696E63
"""Keys of advisory locks, which are per database; the number only has to be ours."""
TAKE_TURN = Write("SELECT pg_advisory_xact_lock($1)", [(_WRITER_LOCK,)])
"""Has a batch wait for the transactions of `writing`, and them for it; without, it takes no part in that."""
_PATIENCE = {"lock_timeout": f"{BUSY_TIMEOUT_S}s", "idle_in_transaction_session_timeout": "60s", "jit": "off"}

_UNUSABLE = (
    "JINBA_DATABASE_URL cannot be used: it must be postgresql://user:password@host:port/database, and in a password"
    " all but letters and digits be written as %40 for @ and the like."
)


class PostgresqlDatabase:
    """One database on a server.

    Transactions of `writing` follow one another as they do on SQLite, so that what was read in one is still so when it
    writes. They are rare: runs are written by the journal, which takes no part in this.
    """

    @classmethod
    async def open(cls, dsn: str, signal: ChangeSignal, beacon: Path | None = None) -> "PostgresqlDatabase":
        """Connect once, to see that it can be done, and start to listen for changes.

        Raises:
            Invalid: this is no such URL.
        """
        with translated():
            try:
                _check(dsn)
                connection = await connect_to(dsn)()
            except ValueError:
                # It quotes what it could not read, which may be a part of the password.
                raise Invalid(_UNUSABLE) from None
            await connection.close()
        return cls(dsn, signal, None if beacon is None else Beacon(beacon))

    def __init__(self, dsn: str, signal: ChangeSignal, beacon: Beacon | None = None) -> None:
        self.signal = signal
        self._beacon = beacon
        self._rings = -1
        self._dsn = dsn
        self._connect = connect_to(dsn, **_PATIENCE)
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=_POOL_SIZE,
            pool_timeout=BUSY_TIMEOUT_S,
            pool_pre_ping=True,
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.dialect = self._engine.dialect
        self._idle: list[Any] = []
        self._listener = ChangeListener(self._connect, signal)
        self._read_at = float("-inf")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        async with connected(self._engine) as connection:
            with translated():
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})"))
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        async with connected(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        # A migration may take long, so here the server alone bounds the waits.
        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(self._dsn, timeout=10), poolclass=NullPool
        )
        try:
            async with engine.begin() as connection:
                await connection.execute(text("SET LOCAL lock_timeout = '10min'"))
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                yield connection
        finally:
            await engine.dispose()

    async def write_batch(self, writes: Sequence[Write]) -> None:
        # As many connections as there are batches at once: the journal's and one of filing.
        connection: Any = self._idle.pop() if self._idle else None
        was_open = connection is not None and not connection.is_closed()
        with translated():
            if not was_open:
                connection = await self._connect()
            try:
                await _write(connection, writes)
            except DRIVER_ERRORS:
                if not (was_open and connection.is_closed()):
                    raise
                # The server was restarted since the last batch. Writing twice is safe, the statements see to that.
                connection = await self._connect()
                await _write(connection, writes)
            finally:
                self._idle.append(connection)

    async def announce(self, connection: AsyncConnection, generation: int) -> None:
        statement = text("SELECT pg_notify(:channel, :payload)")
        await connection.execute(statement, {"channel": CHANNEL, "payload": str(generation)})

    def committed(self, generation: int) -> None:
        self.signal.notice(generation)
        if self._beacon is not None:
            self._beacon.ring()

    def generation_at_hand(self) -> int | None:
        rings = self._rings if self._beacon is None else self._beacon.count()
        if rings != self._rings:
            return None
        is_heard = self._listener.is_healthy or asyncio.get_running_loop().time() - self._read_at < _STALE_S
        return self.signal.last if is_heard else None

    async def generation(self) -> int:
        if self.generation_at_hand() is None:
            now = asyncio.get_running_loop().time()
            # What is committed later rings again.
            rings = self._rings if self._beacon is None else self._beacon.count()
            async with self.reading() as connection:
                with translated():
                    self.signal.notice((await connection.execute(text(READ_GENERATION))).scalar_one())
            self._read_at, self._rings = now, rings
        return self.signal.last

    async def wait_for_change(self, seen: int) -> int:
        await self.generation()
        return await self.signal.wait(seen)

    async def problems(self) -> list[str]:
        found = []
        for table in Row.metadata.sorted_tables:
            try:
                async with self.reading() as connection:
                    await connection.execute(text(f'SELECT count(*) FROM "{table.name}"'))  # noqa: S608  our own name
            except DRIVER_ERRORS as error:
                found.append(f"table '{table.name}' cannot be read: {str(error.__cause__ or error).splitlines()[0]}")
        return found

    async def backup(self, target: Path) -> None:
        raise Unavailable(
            f"This is done with PostgreSQL's own tool: pg_dump --format=custom --file='{target}' DATABASE."
        )

    async def close(self) -> None:
        await self._listener.close()
        for connection in self._idle:
            connection.terminate()
        await self._engine.dispose()
        if self._beacon is not None:
            self._beacon.close()


def _check(dsn: str) -> None:
    # The driver takes the first for the end of the password, and would ask for the rest of it in the DNS.
    if urlsplit(dsn).netloc.count("@") > 1:
        raise ValueError("more than one @")


async def _write(connection: Any, writes: Sequence[Write]) -> None:
    if len(writes) == 1:
        await connection.executemany(*writes[0])
        return
    async with connection.transaction():
        for write in writes:
            await connection.executemany(*write)
