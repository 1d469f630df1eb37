"""Receivers of webhooks on loopback that answer as they are told, well or badly."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSStream

from tests.listening import listening

Behaviour = Callable[[ByteStream], Awaitable[None]]


@dataclass
class Receiver:
    """What it was sent, each with its head and its raw body; `behaviour` answers."""

    behaviour: Behaviour
    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"

    async def serve(self, stream: ByteStream) -> None:
        self.connections += 1
        async with stream:
            received = BufferedByteReceiveStream(stream)
            try:
                head = (await received.receive_until(b"\r\n\r\n", 10_000)).decode("latin-1")
                first, *lines = head.split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await received.receive_exactly(int(headers["content-length"]))
            except (anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            self.heads.append({"": first, **headers})
            self.bodies.append(body)
            await self.behaviour(stream)


def answering(status: str, *, body: bytes = b"", headers: str = "") -> Behaviour:
    """Answers at once, whole."""

    async def answer(stream: ByteStream) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await stream.send(head.encode() + body)

    return answer


async def silent(stream: ByteStream) -> None:
    """Never answers."""
    await anyio.sleep_forever()


async def resetting(stream: ByteStream) -> None:
    """Hangs up without a word."""
    await stream.aclose()


async def babbling(stream: ByteStream) -> None:
    """Answers something that is not HTTP."""
    await stream.send(b"what do you want?\r\n\r\n")


async def dripping(stream: ByteStream) -> None:
    """Sends its answer byte by byte, without an end, so that no single wait is long."""
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    while True:
        await anyio.sleep(0.01)
        await stream.send(b".")


async def flooding(stream: ByteStream) -> None:
    """Answers well, with a body that never ends."""
    await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    while True:
        await stream.send(chunk)


@asynccontextmanager
async def receiving(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that serves while the block runs."""
    receiver = Receiver(behaviour)

    async def serve(stream: SocketStream) -> None:
        try:
            await receiver.serve(stream if tls is None else await TLSStream.wrap(stream, ssl_context=tls))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, ssl.SSLError):
            return  # The sender has had enough.
        finally:
            await anyio.aclose_forcefully(stream)

    async with listening(serve) as receiver.port:
        yield receiver
