"""A proxy on loopback that adds one header to every request, and passes on every other byte as it came."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, SocketStream

from tests.listening import listening

MAX_HEAD_BYTES = 128 * 1024
CONNECT_TIMEOUT_S = 5


@asynccontextmanager
async def adding_header(target: tuple[str, int], name: str, value: str) -> AsyncIterator[int]:
    """Listen on a free port, which is the block's value, until the block is left.

    Host and Origin stay the client's own. Each connection carries one request, which the added `Connection: close`
    tells both sides; so no message needs to be understood, and streams flow as they will.
    """
    added = f"{name}: {value}\r\nConnection: close\r\n".encode()

    async def handle(client: SocketStream) -> None:
        async with client:
            head, rest = await _head(client)
            with anyio.fail_after(CONNECT_TIMEOUT_S):
                server = await anyio.connect_tcp(*target)
            async with server:
                request, _, fields = head.partition(b"\r\n")
                kept = [line for line in fields.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                await server.send(request + b"\r\n" + added + b"\r\n".join(kept) + b"\r\n\r\n" + rest)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_pump, client, server, tasks.cancel_scope)
                    tasks.start_soon(_pump, server, client, tasks.cancel_scope)

    async def guarded(client: SocketStream) -> None:
        try:
            await handle(client)
        except* (OSError, EOFError, anyio.BrokenResourceError, anyio.EndOfStream, TimeoutError):
            pass

    async with listening(guarded) as port:
        yield port


async def _head(client: SocketStream) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        if len(received) > MAX_HEAD_BYTES:
            raise EOFError("no end of the headers in sight")
        received += await client.receive()
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


async def _pump(source: ByteReceiveStream, sink: ByteSendStream, both: anyio.CancelScope) -> None:
    """Either end of the connection ends the other: a client that hangs up must be seen to."""
    try:
        async for chunk in source:
            await sink.send(chunk)
    except (anyio.BrokenResourceError, OSError):
        pass
    both.cancel()
