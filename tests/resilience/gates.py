"""A gate at which the tool `hold` waits: a test learns that it has begun and decides when it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.resilience.wire import HOST


class Gate:
    """Listens for runs of `hold`, each under the name that it was called with."""

    def __init__(self) -> None:
        self.port = 0
        self._waiting: dict[str, asyncio.StreamWriter] = {}
        self._arrivals: dict[str, asyncio.Event] = {}

    async def arrival(self, name: str) -> None:
        """Wait until the run of that name has begun."""
        await self._arrivals.setdefault(name, asyncio.Event()).wait()

    def release(self, name: str) -> None:
        """Let the run of that name go on to its end."""
        self._waiting.pop(name).close()

    async def arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        self._waiting[name] = writer
        self._arrivals.setdefault(name, asyncio.Event()).set()

    def close(self) -> None:
        for writer in self._waiting.values():
            writer.close()


@asynccontextmanager
async def opened() -> AsyncIterator[Gate]:
    """A gate for as long as the block runs; whoever still waits at its end goes on."""
    gate = Gate()
    async with await asyncio.start_server(gate.arrived, HOST, 0) as server:
        gate.port = server.sockets[0].getsockname()[1]
        try:
            yield gate
        finally:
            gate.close()
