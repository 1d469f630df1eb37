"""Makes the connections of a sandbox in its stead: `connect` waits while the address is judged and connected to here.

The caller's socket is replaced by the connected one. Nothing that the caller could change afterwards is used twice: the
address is copied, judged and connected to by us, and the system call itself never runs. It needs no privilege and no
network namespace. For the filter that sends us the notifications this means:

* it refuses every other way out: `sendto` and `sendmsg` with an address (`MSG_FASTOPEN` among them), sockets that are
  not TCP, `io_uring`, and `userfaultfd`, by which a caller could hold us up while we read its memory;
* it is installed with `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, so that signals do not have a connection made twice.

Addresses are read from the caller's memory, which must be open to its own user (prctl(2), PR_SET_DUMPABLE) and, where
Yama is, to its ancestors; see `identity.py`.

A sandbox may ask `MAX_PER_S` times a second; what is over waits its turn.

To the caller, a connection is made at once or not at all: a socket that does not wait (asyncio) waits here too, for as
long as lookup and connection may take, and socket options that were set before are not those of the new socket, which
has `TCP_NODELAY` and `SO_KEEPALIVE`.
"""

import asyncio
import errno
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from jinba_mcp.domain.addresses import Destination, IPAddress
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress import inside, notifications
from jinba_mcp.sandbox.egress.gate import Refused
from jinba_mcp.sandbox.egress.notifications import Gone, Notification
from jinba_mcp.sandbox.egress.pace import Pace
from jinba_mcp.sandbox.egress.proxy import Proxy

MAX_WAITING = 64
MAX_PER_S = 200
PAIR_S = 1.0
_V4 = struct.Struct("!2xH4s")
_V6 = struct.Struct("!2xH4x16s")
_ERRNO_BY_STATUS = {403: errno.EACCES, 502: errno.EHOSTUNREACH, 504: errno.ETIMEDOUT}


def read_address(raw: bytes) -> tuple[IPAddress, int]:
    """Address and port of a `sockaddr_in` or `sockaddr_in6`.

    Raises:
        OSError: it is neither, with the number that `connect` would give.
    """
    family = int.from_bytes(raw[:2], sys.byteorder)
    if family not in {socket.AF_INET, socket.AF_INET6}:
        raise OSError(errno.EAFNOSUPPORT, "only TCP over IP leads out")
    try:
        if family == socket.AF_INET:
            port, packed = _V4.unpack_from(raw)
            return IPv4Address(packed), port
        port, packed = _V6.unpack_from(raw)
    except struct.error:
        raise OSError(errno.EINVAL, "the address is too short") from None
    address = IPv6Address(packed)
    return address.ipv4_mapped or address, port


@dataclass(frozen=True, slots=True)
class _Asked:
    """A connection that a sandbox wants, and how it wants the socket."""

    address: IPAddress
    port: int
    flags: int


class Broker:
    """Serves one sandbox: a listener of seccomp notifications, which is the broker's own from now on.

    What is connected to `127.0.0.1:3128` is served by `proxy`, over a connection that nobody else can make.
    """

    def __init__(self, listener: int, network: Network, proxy: Proxy) -> None:
        self._listener = listener
        self._gate = proxy.gate(network)
        self._proxied = proxy.serve(network)
        self._connect = proxy.connect
        self._names: dict[IPAddress, str] = {address: host for host, address in inside.stand_ins(network).items()}
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._pace = Pace(MAX_PER_S)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._loop.add_reader(listener, self._readable)

    async def aclose(self) -> None:
        """Serve no more; calls that wait fail with ENOSYS, and proxied connections end. Repeatable."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._listener)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        os.close(self._listener)
        await self._proxied.aclose()

    def _readable(self) -> None:
        try:
            notification = notifications.receive(self._listener)
        except EOFError:
            self._loop.remove_reader(self._listener)
            return
        if notification is not None:
            task = asyncio.create_task(self._answer(notification))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, notification: Notification) -> None:
        try:
            async with self._places:
                await asyncio.sleep(self._pace.delay_s(self._loop.time()))
                notification.answer(await self._served(notification))
        except Gone:
            return

    async def _served(self, notification: Notification) -> int:
        """The error number of the call, or 0 with the connection in place."""
        if not notification.is_connect:
            return errno.EPERM
        try:
            address, port = read_address(notification.address())
            asked = _Asked(address, port, notification.flags())
            with await self._open(asked) as connection:
                connection.setblocking(not asked.flags & os.O_NONBLOCK)
                notification.place(connection.fileno(), asked.flags)
        except Refused as refused:
            return _ERRNO_BY_STATUS.get(refused.status, errno.EACCES)
        except TimeoutError:
            return errno.ETIMEDOUT
        except FileNotFoundError:
            return errno.EBADF
        except OSError as error:
            return error.errno or errno.ECONNREFUSED
        return 0

    async def _open(self, asked: _Asked) -> socket.socket:
        if (asked.address, asked.port) == (inside.PROXY_ADDRESS, inside.PROXY_PORT):
            return await self._to_proxy()
        host = self._names.get(asked.address, str(asked.address))
        addresses = await self._gate.admit(Destination(host, asked.port))
        # The caller's idea of the socket's family comes first, if there is a choice.
        return await self._connect(sorted(addresses, key=lambda a: a.version != asked.address.version), asked.port)

    async def _to_proxy(self) -> socket.socket:
        async with _tcp_pair() as (ours, theirs):
            await self._proxied.adopt(ours.dup())
            return theirs.dup()


@asynccontextmanager
async def _tcp_pair() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection over loopback. Callers set options that only TCP has, so no `socketpair` will do."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener, socket.socket() as theirs:
        listener.setblocking(False)
        theirs.setblocking(False)
        async with asyncio.timeout(PAIR_S):
            await loop.sock_connect(theirs, listener.getsockname())
            while True:
                ours, peer = await loop.sock_accept(listener)
                # Another program of this machine may have been quicker; it gets nothing.
                if peer == theirs.getsockname():
                    break
                ours.close()
        with ours:
            yield ours, theirs
