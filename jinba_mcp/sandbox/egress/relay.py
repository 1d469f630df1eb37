"""Carries bytes both ways between two connections until both have ended."""

import asyncio
import socket

import anyio

CHUNK_BYTES = 256 * 1024


class Idle:
    """Ends what waits inside `with idle.scope` when `moved()` was not called for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + seconds)

    def moved(self) -> None:
        self.scope.deadline = anyio.current_time() + self.seconds


async def relay(left: socket.socket, right: socket.socket, early: bytes, idle_s: float, half_closed_s: float) -> None:
    """Copy until both sides have ended, one has failed, or nothing has moved for `idle_s` seconds.

    An end is passed on, and the other way goes on; then for `half_closed_s` of silence only, since a side that was
    killed looks the same. `early` is what the left side has sent already. Neither socket is closed.
    """
    idle = Idle(idle_s)
    with idle.scope:
        async with anyio.create_task_group() as ways:

            async def pump(source: socket.socket, target: socket.socket, ahead: bytes) -> None:
                try:
                    await asyncio.get_running_loop().sock_sendall(target, ahead)
                    await _copy(source, target, idle)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    ways.cancel_scope.cancel()
                idle.seconds = half_closed_s
                idle.moved()

            ways.start_soon(pump, left, right, early)
            ways.start_soon(pump, right, left, b"")


async def _copy(source: socket.socket, target: socket.socket, idle: Idle) -> None:
    loop = asyncio.get_running_loop()
    while chunk := await loop.sock_recv(source, CHUNK_BYTES):
        await loop.sock_sendall(target, chunk)
        idle.moved()
        # Neither call waits while both sides are quick, and others want their turn.
        await asyncio.sleep(0)
