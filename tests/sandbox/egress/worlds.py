"""A small Internet: names that resolve as a test says, and public addresses that are servers of this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from jinba_mcp.domain.addresses import IPAddress
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress.proxy import Handle, Proxy, ProxyLimits

PUBLIC = "93.184.216.34"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def listening() -> socket.socket:
    """A listening socket on loopback, as a sandbox hands it over."""
    return socket.create_server(("127.0.0.1", 0))


@dataclass
class Internet:
    """What is out there. `answers` are the addresses of a name, one list for each time that it is asked."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    failing: dict[str, OSError] = field(default_factory=dict)

    def lookup(self, host: str) -> list[IPAddress]:
        self.lookups.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[host]
        return [ip_address(address) for address in (answers.pop(0) if len(answers) > 1 else answers[0])]

    async def connect(self, addresses: Sequence[IPAddress], port: int) -> socket.socket:
        address = str(addresses[0])
        self.dialled.append((address, port))
        if address in self.failing:
            raise self.failing[address]
        connection = socket.create_connection(("127.0.0.1", self.ports[address, port]))
        connection.setblocking(False)
        return connection


@dataclass
class World:
    """An Internet with one sandbox's proxy to it."""

    internet: Internet
    handle: Handle
    port: int

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, raw: bytes) -> bytes:
        """All that comes back on one connection for the given bytes, until the proxy ends it."""
        reader, writer = await self.open()
        writer.write(raw)
        try:
            async with asyncio.timeout(60):
                return await reader.read()
        finally:
            await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return


@asynccontextmanager
async def world(
    network: Network,
    *sites: tuple[str, int, Serve],
    private_hosts: Sequence[str] = (),
    limits: ProxyLimits | None = None,
) -> AsyncIterator[World]:
    """A proxy with a policy, and what serves at which public address and port."""
    internet = Internet()
    proxy = Proxy(private_hosts, limits, internet.lookup, internet.connect)
    listener = listening()
    port = int(listener.getsockname()[1])
    async with AsyncExitStack() as stack:
        for address, site_port, serve in sites:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            internet.ports[address, site_port] = server.sockets[0].getsockname()[1]
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
        handle = proxy.serve(network, listener)
        stack.push_async_callback(handle.aclose)
        yield World(internet, handle, port)


@dataclass
class Site:
    """A server that keeps what it hears, and answers each head and body with what `answer` makes of it."""

    answer: Callable[[bytes], bytes]
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await self._body(reader, head.lower())
            self.heard.append(head + body)
            writer.write(self.answer(head + body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            await closed(writer)

    async def _body(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" in head:
            return await reader.readuntil(b"0\r\n\r\n")
        _, found, length = head.partition(b"content-length: ")
        return await reader.readexactly(int(length.split(b"\r\n")[0])) if found else b""


@dataclass
class Counting:
    """A server that knows how many it has served at once."""

    open_count: int = 0
    most: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_count += 1
        self.most = max(self.most, self.open_count)
        for _ in range(100):  # long enough for the others to be there too
            await asyncio.sleep(0)
        self.open_count -= 1
        await Site(hello).serve(reader, writer)


def hello(_: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Site: here\r\n\r\nhello"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say back what is said, and `bye` at the end."""
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.write(b"bye")
        await writer.drain()
    except OSError:
        pass
    finally:
        await closed(writer)
