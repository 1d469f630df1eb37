"""An HTTP proxy for one sandbox, on a listening socket that was handed out of its network namespace."""

import asyncio
import errno
import logging
import socket
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass

import anyio
import h11

from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress import heads
from jinba_mcp.sandbox.egress.dialing import Dial, dial
from jinba_mcp.sandbox.egress.forwarding import ServerFailed, forward
from jinba_mcp.sandbox.egress.gate import Gate, Refused
from jinba_mcp.sandbox.egress.heads import Wanted
from jinba_mcp.sandbox.egress.lookups import Lookup, system_lookup
from jinba_mcp.sandbox.egress.peer import Peer
from jinba_mcp.sandbox.egress.relay import Idle, relay

log = logging.getLogger(__name__)

ACCEPT_AGAIN_S = 0.05
_PASSING = {errno.EAGAIN, errno.ECONNABORTED, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""What may be otherwise a moment later: the client was gone again, or no descriptor was free (accept(2))."""


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """What one sandbox may keep open, and for how long it may be still."""

    connection_count: int = 64
    """At once for one sandbox; further ones wait."""
    total_count: int = 256
    """At once for all sandboxes; each takes two descriptors of the server's."""
    head_s: float = 60.0
    """From accepting a connection, or its last answer, to the next whole request head."""
    idle_s: float = 300.0
    """Without a byte either way."""
    half_closed_s: float = 30.0
    """Without a byte, once one side has ended."""


class Proxy:
    """Serves sandboxes on the running event loop, each with its own policy.

    `private_hosts` are entries as in a policy, which the operator lets lead into private networks. `lookup` and
    `connect` are for tests.
    """

    def __init__(
        self,
        private_hosts: Iterable[str] = (),
        limits: ProxyLimits | None = None,
        lookup: Lookup = system_lookup,
        connect: Dial = dial,
    ) -> None:
        self._private_hosts = tuple(private_hosts)
        self._limits = limits or ProxyLimits()
        self._lookup = lookup
        self.connect = connect
        self._total = asyncio.Semaphore(self._limits.total_count)

    def gate(self, network: Network) -> Gate:
        """The gate of one sandbox, as the proxy has it."""
        return Gate(network, self._private_hosts, self._lookup)

    def serve(self, network: Network, listener: socket.socket | None = None) -> "Handle":
        """Serve one sandbox until the handle is closed: what it connects to `listener`, and what the handle is given.

        The listener is a TCP socket that listens, and the proxy's own from now on.
        """
        handle = Handle(self.gate(network), self._limits, self.connect, self._total)
        if listener is not None:
            handle.listen(listener)
        return handle


class Handle:
    """The connections of one sandbox. Made by `Proxy.serve`."""

    def __init__(self, gate: Gate, limits: ProxyLimits, connect: Dial, total: asyncio.Semaphore) -> None:
        self._gate = gate
        self._limits = limits
        self._connect = connect
        self._total = total
        self._places = asyncio.Semaphore(limits.connection_count)
        self._open: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, listener: socket.socket) -> None:
        """Accept what connects to a listening TCP socket, which is closed at the end."""
        listener.setblocking(False)
        self._open.add(listener)
        self._begin(self._accept_all(listener))

    async def adopt(self, connection: socket.socket) -> None:
        """Serve a connected socket, which is closed at its end; waits while the sandbox has its fill."""
        connection.setblocking(False)
        self._open.add(connection)
        await self._places.acquire()
        await self._total.acquire()
        # Not in the task itself, which may be cancelled before it begins.
        self._begin(self._visit(connection)).add_done_callback(lambda _: self._ended(connection))

    def _ended(self, connection: socket.socket) -> None:
        connection.close()
        self._open.discard(connection)
        self._places.release()
        self._total.release()

    async def aclose(self) -> None:
        """Stop listening and end every connection. Repeatable."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self._open:
            self._open.pop().close()

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept_all(self, listener: socket.socket) -> None:
        while True:
            await anyio.wait_readable(listener)
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if error.errno not in _PASSING:
                    log.warning("A sandbox's proxy has stopped listening", exc_info=True)
                    return
                await anyio.sleep(ACCEPT_AGAIN_S)
                continue
            await self.adopt(connection)

    async def _visit(self, connection: socket.socket) -> None:
        client = Peer(connection, h11.SERVER)
        try:
            while await self._answer(client):
                client.http.start_next_cycle()
            await client.linger()
        except (OSError, h11.ProtocolError):
            return  # the other side has left; it knows

    async def _answer(self, client: Peer) -> bool:
        """Answer one request; whether another may follow."""
        try:
            with anyio.fail_after(self._limits.head_s):
                request = await client.receive()
            if not isinstance(request, h11.Request):
                return False
            await self._fulfil(client, request)
        except Refused as refused:
            await self._refuse(client, refused)
        except h11.RemoteProtocolError as error:
            await self._refuse(client, Refused(error.error_status_hint, "http_request_error", "This is not HTTP/1.1."))
        except TimeoutError:
            return False
        return client.http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def _refuse(self, client: Peer, refused: Refused) -> None:
        if client.can_answer:
            await client.refuse(refused)

    async def _fulfil(self, client: Peer, request: h11.Request) -> None:
        wanted = heads.read(request)
        with await self._reach(wanted) as server:
            if wanted.target is None:
                await self._tunnel(client, server)
            else:
                await self._forward(client, Peer(server, h11.CLIENT), request, wanted)

    async def _reach(self, wanted: Wanted) -> socket.socket:
        addresses = await self._gate.admit(wanted.destination)
        try:
            return await self._connect(addresses, wanted.destination.port)
        except TimeoutError:
            raise Refused(504, "connection_timeout", f"{wanted.destination} does not answer; try again.") from None
        except OSError:
            raise Refused(502, "connection_refused", f"{wanted.destination} takes no connection; try again.") from None

    async def _tunnel(self, client: Peer, server: socket.socket) -> None:
        await client.receive()  # the end of a request without a body
        await client.send(h11.Response(status_code=200, reason=b"Connected", headers=[]))
        early, _ = client.http.trailing_data
        await relay(client.socket, server, early, self._limits.idle_s, self._limits.half_closed_s)

    async def _forward(self, client: Peer, server: Peer, request: h11.Request, wanted: Wanted) -> None:
        idle = Idle(self._limits.idle_s)
        with idle.scope:
            try:
                await forward(client, server, request, wanted, idle.moved)
            except ServerFailed:
                message = f"{wanted.destination} gave no answer that is HTTP; try again."
                raise Refused(502, "http_response_incomplete", message) from None
        if idle.scope.cancelled_caught:
            raise Refused(504, "http_response_timeout", f"{wanted.destination} does not answer; try again.")
