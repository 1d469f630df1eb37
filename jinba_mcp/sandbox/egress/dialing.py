"""Connects to the first of several addresses that answers, the way of RFC 8305 (Happy Eyeballs) in brief."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest

import anyio

from jinba_mcp.domain.addresses import IPAddress

Dial = Callable[[Sequence[IPAddress], int], Awaitable[socket.socket]]
"""Opens a connection to one of the addresses; raises OSError (TimeoutError among them)."""

MAX_ATTEMPTS = 6
HEAD_START_S = 0.25
CONNECT_S = 10.0


async def dial(addresses: Sequence[IPAddress], port: int, connect_s: float = CONNECT_S) -> socket.socket:
    """A connected, non-blocking socket, within `connect_s` seconds; each address has a head start on the next.

    Raises:
        TimeoutError: none has answered in time.
        OSError: none can be connected to; of the last one that failed.
    """
    race = _Race(port)
    try:
        with anyio.move_on_after(connect_s):
            await race.run(_ordered(addresses)[:MAX_ATTEMPTS])
    except BaseException:
        race.lose()
        raise
    if race.winner is not None:
        return race.winner
    raise race.error or TimeoutError("nothing answered in time")


def _ordered(addresses: Sequence[IPAddress]) -> list[IPAddress]:
    """By turns of either family, that of the first address first."""
    first = addresses[0].version
    families = ([a for a in addresses if a.version == first], [a for a in addresses if a.version != first])
    return [address for pair in zip_longest(*families) for address in pair if address is not None]


class _Race:
    def __init__(self, port: int) -> None:
        self._port = port
        self._scope = anyio.CancelScope()
        self.winner: socket.socket | None = None
        self.error: OSError | None = None

    async def run(self, addresses: Sequence[IPAddress]) -> None:
        async with anyio.create_task_group() as attempts:
            self._scope = attempts.cancel_scope
            for address in addresses:
                failed = anyio.Event()
                attempts.start_soon(self._attempt, address, failed)
                with anyio.move_on_after(HEAD_START_S):
                    await failed.wait()

    async def _attempt(self, address: IPAddress, failed: anyio.Event) -> None:
        try:
            connection = await _connect(address, self._port)
        except OSError as error:
            self.error = error
            failed.set()
            return
        if self.winner is not None:
            connection.close()
            return
        self.winner = connection
        self._scope.cancel()

    def lose(self) -> None:
        if self.winner is not None:
            self.winner.close()


async def _connect(address: IPAddress, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  IPv4
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection
