"""The connection that hears of changes on PostgreSQL: LISTEN, a look at the row every second, and coming back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from jinba_mcp.storage.changes import READ_GENERATION, ChangeSignal
from jinba_mcp.storage.failures import DRIVER_ERRORS

CHANNEL = "jinba_changed"
_CHECK_S = 1.0
_ANSWER_TIMEOUT_S = 1.0


class ChangeListener:
    """Keeps `signal` up to date. While `is_healthy`, the signal's last value is current, or about to be."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], signal: ChangeSignal) -> None:
        self.is_healthy = False
        self._connect = connect
        self._signal = signal
        self._task = asyncio.create_task(self._listen_forever())

    async def close(self) -> None:
        """End the connection."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except DRIVER_ERRORS:
                self.is_healthy = False
            await asyncio.sleep(_CHECK_S)

    async def _listen(self) -> None:
        connection = await self._connect()
        try:
            connection.add_termination_listener(self._ended)
            await connection.add_listener(CHANNEL, self._heard)
            while True:
                # A network that swallows packets ends no connection, so silence alone proves nothing.
                value = await connection.fetchval(READ_GENERATION, timeout=_ANSWER_TIMEOUT_S)
                self._signal.notice(value)
                self.is_healthy = True
                await asyncio.sleep(_CHECK_S)
        finally:
            self.is_healthy = False
            connection.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._signal.notice(int(str(payload)))

    def _ended(self, _connection: object) -> None:
        self.is_healthy = False


def connect_to(dsn: str, **settings: str) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """A way to make connections to `dsn` that give up after a while instead of hanging."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            dsn, timeout=10, command_timeout=30, server_settings={"application_name": "jinba-mcp", **settings}
        )

    return connect
