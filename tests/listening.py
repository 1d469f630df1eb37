"""Servers on loopback for tests, whose end leaves no connection open."""

import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketStream

Serve = Callable[[SocketStream], Coroutine[None, None, None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that has `serve` close each of its connections, while the block runs.

    Not anyio's listener: a connection that arrives as that is cancelled belongs to nobody, and is found unclosed by
    the garbage collector during another test.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with anyio.create_task_group() as tasks:

            async def accept() -> None:
                while True:
                    await anyio.wait_readable(listener)
                    try:
                        connection, _ = listener.accept()
                    except BlockingIOError:
                        continue  # Whoever it was has gone.
                    with anyio.CancelScope(shield=True):
                        stream = await SocketStream.from_socket(connection)
                    tasks.start_soon(serve, stream)

            tasks.start_soon(accept)
            yield listener.getsockname()[1]
            tasks.cancel_scope.cancel()
