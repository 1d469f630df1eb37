"""Looks host names up on threads: a resolver can be neither interrupted nor hurried."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from jinba_mcp.domain.addresses import IPAddress

Lookup = Callable[[str], Iterable[IPAddress]]
"""Blocks until it has the addresses of a host name, or raises OSError or ValueError."""

MAX_LOOKUPS = 4
LOOKUP_S = 5.0


def system_lookup(host: str) -> Iterable[IPAddress]:
    """The addresses of a host, from the system's resolver."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ip_address(str(address[0])) for _, _, _, _, address in found]


class Lookups:
    """The lookups of one sandbox: `MAX_LOOKUPS` at once, and one that was given up counts until the resolver lets go.

    Each has a thread that the process does not wait for when it ends.
    """

    def __init__(self, lookup: Lookup, lookup_s: float = LOOKUP_S) -> None:
        self._lookup = lookup
        self._lookup_s = lookup_s
        self._places = asyncio.Semaphore(MAX_LOOKUPS)

    async def find(self, host: str) -> tuple[IPAddress, ...]:
        """The addresses of a host, each once.

        Raises:
            TimeoutError: not within `lookup_s` seconds, the wait for a place among them.
            OSError, ValueError: of the resolver.
        """
        async with asyncio.timeout(self._lookup_s):
            await self._places.acquire()
            found: asyncio.Future[tuple[IPAddress, ...]] = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._run, args=(host, found), name="lookup", daemon=True).start()
            return await found

    def _run(self, host: str, found: "asyncio.Future[tuple[IPAddress, ...]]") -> None:
        addresses: tuple[IPAddress, ...] = ()
        problem: Exception | None = None
        try:
            addresses = tuple(dict.fromkeys(self._lookup(host)))
        except (OSError, ValueError) as error:
            problem = error
        finally:
            # The loop may have ended meanwhile, and then nobody is interested.
            with contextlib.suppress(RuntimeError):
                found.get_loop().call_soon_threadsafe(self._finish, found, addresses, problem)

    def _finish(
        self,
        found: "asyncio.Future[tuple[IPAddress, ...]]",
        addresses: tuple[IPAddress, ...],
        problem: Exception | None,
    ) -> None:
        self._places.release()
        if found.done():
            return
        if problem is None:
            found.set_result(addresses)
        else:
            found.set_exception(problem)
