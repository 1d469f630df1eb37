"""One side of an exchange in HTTP/1.1: a socket, and what h11 makes of its bytes."""

import asyncio
import socket

import anyio
import h11

from jinba_mcp.sandbox.egress.gate import Refused

MAX_HEAD_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024

LINGER_S = 1.0
LINGER_BYTES = 4 * 1024 * 1024


class Peer:
    """`role` is ours: `h11.SERVER` towards the sandbox, `h11.CLIENT` towards a server."""

    def __init__(self, connection: socket.socket, role: type[h11.SERVER | h11.CLIENT]) -> None:
        self.socket = connection
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def receive(self) -> h11.Event:
        """The next event.

        Raises:
            h11.RemoteProtocolError: the other side speaks no plain HTTP, or ended within a message.
            OSError: the connection is gone.
        """
        loop = asyncio.get_running_loop()
        while True:
            event = self.http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise h11.RemoteProtocolError("something came that nothing is there for")
            self.http.receive_data(await loop.sock_recv(self.socket, CHUNK_BYTES))

    async def send(self, event: h11.Event) -> None:
        """Write an event out, when the other side takes it."""
        raw = self.http.send(event)
        if raw:
            await asyncio.get_running_loop().sock_sendall(self.socket, raw)
        await asyncio.sleep(0)

    @property
    def can_answer(self) -> bool:
        """Whether a response may still begin."""
        return self.http.our_state in {h11.IDLE, h11.SEND_RESPONSE}

    async def refuse(self, refused: Refused) -> None:
        """Say why there is nothing, and that the connection ends.

        Clients seldom show the body of a refused CONNECT, but most show the reason phrase, so both carry the message.
        """
        body = f"{refused.message}\n".encode("ascii", "replace")
        headers = [
            (b"Content-Type", b"text/plain; charset=us-ascii"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Proxy-Status", f"jinba; error={refused.kind}".encode()),
            (b"Connection", b"close"),
        ]
        with anyio.move_on_after(LINGER_S):
            await self.send(h11.Response(status_code=refused.status, reason=body.strip(), headers=headers))
            await self.send(h11.Data(data=body))
            await self.send(h11.EndOfMessage())

    async def linger(self) -> None:
        """Take in for a moment what is still being sent: closing at once would take the answer back (RFC 9112 §9.6)."""
        loop = asyncio.get_running_loop()
        left_bytes = LINGER_BYTES
        with anyio.move_on_after(LINGER_S):
            self.socket.shutdown(socket.SHUT_WR)
            while left_bytes > 0 and (chunk := await loop.sock_recv(self.socket, CHUNK_BYTES)):
                left_bytes -= len(chunk)

    async def gone(self) -> None:
        """Return when the other side has ended; wait for ever when it sends something before that."""
        await anyio.wait_readable(self.socket)
        if self.socket.recv(1, socket.MSG_PEEK):
            await anyio.sleep_forever()
