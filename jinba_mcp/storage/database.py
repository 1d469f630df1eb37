"""What the store asks of a database; `sqlite.py` and `postgresql.py` are the two answers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Dialect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jinba_mcp.storage.changes import READ_GENERATION, ChangeSignal
from jinba_mcp.storage.failures import translated

BUSY_TIMEOUT_S = 30
"""How long a write waits for the writers before it."""


class Write(NamedTuple):
    """One statement in the driver's own spelling and the rows of values to execute it with."""

    sql: str
    rows: Sequence[tuple[Any, ...]]


class Database(Protocol):
    """One database, open. Every method raises `Unavailable` when the database cannot be reached or is too busy."""

    dialect: Dialect
    signal: ChangeSignal

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A begun transaction, the only one of its kind at a time; rolled back unless the body commits it."""
        ...

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A begun transaction on one snapshot that refuses to write."""
        ...

    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A begun transaction that no other migration, in whatever process, runs beside; committed on clean exit."""
        ...

    async def write_batch(self, writes: Sequence[Write]) -> None:
        """Execute all in one transaction; durable when this returns, nothing is written when it raises.

        For the journal and for filing; `writing` is not waited for on PostgreSQL.
        """
        ...

    async def announce(self, connection: AsyncConnection, generation: int) -> None:
        """Tell the other processes of a generation, as part of the transaction on `connection`."""
        ...

    def committed(self, generation: int) -> None:
        """Know, and let processes on this machine know, that the transaction with this generation is committed."""
        ...

    def generation_at_hand(self) -> int | None:
        """The generation, where it can be told without waiting for anything."""
        ...

    async def generation(self) -> int:
        """The generation, at best without any I/O."""
        ...

    async def wait_for_change(self, seen: int) -> int:
        """The generation as soon as it differs from `seen`; the caller bounds the wait."""
        ...

    async def problems(self) -> list[str]:
        """What an integrity check finds; empty when healthy."""
        ...

    async def backup(self, target: Path) -> None:
        """Copy everything, as of one moment, to a new file."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool with its transaction begun."""
    async with AsyncExitStack() as stack:
        with translated():
            connection = await stack.enter_async_context(engine.connect())
            await connection.begin()
        yield connection


async def move_generation(connection: AsyncConnection) -> int:
    """Add one to the generation within this transaction; the new value."""
    await connection.execute(text("UPDATE generation SET value = value + 1 WHERE id = 1"))
    return int((await connection.execute(text(READ_GENERATION))).scalar_one())
