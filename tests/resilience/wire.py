"""HTTP/1.1 by hand over one socket, so that a test decides every byte of a request and when to hang up."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
_LIMIT = 2**20


class HungUp(Exception):
    """The server closed the connection instead of giving a whole answer."""


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The one document in the body, or in the last event when it is a stream of events."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            return json.loads([line[6:] for line in self.body.splitlines() if line.startswith(b"data: {")][-1])
        return json.loads(self.body)


class Connection:
    """One connection to the server, kept alive until it is closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        """Send these bytes. A server that has hung up already is noticed when its answer is read."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(raw)
            await self._writer.drain()

    async def ask(self, raw: bytes) -> Answer:
        """Send a whole request and read its answer."""
        await self.send(raw)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer.

        Raises:
            HungUp: the server closed the connection before the answer was whole.
        """
        try:
            status, headers = await self.head()
            return Answer(status, headers, await self._body(status, headers))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise HungUp from error

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer, of which a stream has nothing more to tell for now."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return int(lines[0].split(" ")[1]), headers

    async def is_closed(self) -> bool:
        """Wait until the server closes the connection; False when it says something more before that."""
        try:
            return not await self._reader.read(_LIMIT)
        except ConnectionError:
            return True

    async def rest(self) -> bytes:
        """All that comes until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            return await self._reader.read()
        return b""

    def hang_up(self) -> None:
        """Reset the connection, as the kernel does for a client that was killed."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if status in (202, 204) and "content-length" not in headers and "transfer-encoding" not in headers:
            return b""
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            return await self._chunks()
        return await self._reader.read()

    async def _chunks(self) -> bytes:
        raw = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            raw += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return raw


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection for as long as the block runs."""
    connection = Connection(*await asyncio.open_connection(HOST, port, limit=_LIMIT))
    try:
        yield connection
    finally:
        await connection.close()


def request(method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """A request as it stands on the wire; `headers` stand beside, or instead of, Host and Content-Length."""
    length = {} if body is None else {"Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in ({"Host": HOST} | length | dict(headers)).items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines]).encode("latin-1") + b"\r\n\r\n" + (body or b"")
