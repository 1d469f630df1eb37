"""PostgreSQL by asyncpg: the same promises as SQLite, kept with an advisory lock, snapshots and NOTIFY."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from jinba_mcp.domain.errors import Unavailable
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
_PATIENCE = {"lock_timeout": f"{BUSY_TIMEOUT_S}s", "idle_in_transaction_session_timeout": "60s", "jit": "off"}


class PostgresqlDatabase:
    """One database on a server.

    Transactions of `writing` follow one another as they do on SQLite, so that what was read in one is still so when it
    writes. They are rare: runs are written by the journal, which takes no part in this.
    """

    @classmethod
    async def open(cls, dsn: str, signal: ChangeSignal) -> "PostgresqlDatabase":
        """Connect once, to see that it can be done, and start to listen for changes."""
        with translated():
            connection = await connect_to(dsn)()
            await connection.close()
        return cls(dsn, signal)

    def __init__(self, dsn: str, signal: ChangeSignal) -> None:
        self.signal = signal
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
        self._journal: Any = None
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
        was_open = self._journal is not None and not self._journal.is_closed()
        with translated():
            try:
                await self._write(writes)
            except DRIVER_ERRORS:
                if not (was_open and self._journal.is_closed()):
                    raise
                # The server was restarted since the last batch. Writing twice is safe, the statements see to that.
                await self._write(writes)

    async def _write(self, writes: Sequence[Write]) -> None:
        if self._journal is None or self._journal.is_closed():
            self._journal = await self._connect()
        if len(writes) == 1:
            await self._journal.executemany(*writes[0])
            return
        async with self._journal.transaction():
            for write in writes:
                await self._journal.executemany(*write)

    async def announce(self, connection: AsyncConnection, generation: int) -> None:
        statement = text("SELECT pg_notify(:channel, :payload)")
        await connection.execute(statement, {"channel": CHANNEL, "payload": str(generation)})

    async def generation(self) -> int:
        now = asyncio.get_running_loop().time()
        if not self._listener.is_healthy and now - self._read_at >= _STALE_S:
            async with self.reading() as connection:
                with translated():
                    self.signal.notice((await connection.execute(text(READ_GENERATION))).scalar_one())
            self._read_at = now
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
        if self._journal is not None:
            self._journal.terminate()
        await self._engine.dispose()
