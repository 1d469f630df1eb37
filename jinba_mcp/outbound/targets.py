"""Targets: which of the URLs that users give may be called; public addresses only, unless the operator says so.

Names are resolved here, and the connection is made to an address that was judged, so that a name which changes its
address between the look and the connection (DNS rebinding) gains nothing.
"""

import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from jinba_mcp.domain.addresses import Destination, IPAddress, Reach, allows, reach
from jinba_mcp.domain.errors import Invalid, Unavailable

MAX_LOOKUPS = 256
"""At once, of names that may take their time; far more than there are deliveries at once."""

_PORTS = {"http": 80, "https": 443}
_lookups = anyio.CapacityLimiter(MAX_LOOKUPS)

Lookup = Callable[[str], Awaitable[Iterable[str]]]
"""The addresses of a host name."""


async def system_lookup(host: str) -> list[str]:
    """As the machine's resolver has it."""

    def look() -> list[str]:
        return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)]

    # The event loop has four threads or so for all lookups, and whose servers never answer holds one of them long after
    # the request was given up: a few such names would leave nobody else's receivers, nor the database, to be found.
    return await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=_lookups)


class Targets:
    """Judges URLs, and the addresses behind them.

    `private_hosts` are entries as in a sandbox's network policy: what may be called although its address is private,
    and without TLS. Cloud metadata and reserved addresses are never called.
    """

    def __init__(self, private_hosts: Iterable[str] = (), *, lookup: Lookup = system_lookup) -> None:
        self._private_hosts = tuple(private_hosts)
        self._lookup = lookup

    def check(self, url: str) -> None:
        """Refuse a URL that may not be called, as far as can be told without looking its host up.

        Raises:
            Invalid: the message says why.
        """
        destination, scheme = _destination(url)
        is_private = allows(self._private_hosts, destination)
        if scheme == "http" and not is_private:
            raise Invalid("must be https")
        if destination.address is not None:
            _judge(destination, destination.address, is_private=is_private)

    async def admit(self, host: str, port: int) -> IPAddress:
        """The address to connect to; the caller bounds the wait.

        Raises:
            Invalid: an address of the host may not be called.
            Unavailable: it has none.
            OSError: it cannot be resolved.
        """
        destination = Destination.parse(f"[{host}]" if ":" in host else host, port)
        is_private = allows(self._private_hosts, destination)
        given = destination.address
        addresses = [given] if given is not None else [ip_address(each) for each in await self._lookup(host)]
        if not addresses:
            raise Unavailable(f"{host} has no address")
        # One address that is not allowed spoils the name: which one is taken is not for its owner to play with.
        for address in addresses:
            _judge(destination, address, is_private=is_private)
        return addresses[0]


def _destination(url: str) -> tuple[Destination, str]:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid("must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise Invalid("must be https")
        if parts.fragment or "@" in parts.netloc:
            raise Invalid("must have no user name, password or fragment")
        return Destination.parse(parts.netloc, _PORTS[parts.scheme]), parts.scheme
    except ValueError as error:
        raise Invalid(str(error)) from error


def _judge(destination: Destination, address: IPAddress, *, is_private: bool) -> None:
    kind = reach(address)
    if kind is Reach.NEVER:
        raise Invalid(f"{destination} leads to a reserved or metadata address")
    if not is_private and (kind is Reach.PRIVATE or _is_this_machine(address)):
        raise Invalid(f"{destination} leads into a private network; the operator can allow it")


def _is_this_machine(address: IPAddress) -> bool:
    # Only an address of its own can be taken. Its public one, too, may lead to what is behind its firewall.
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:  # noqa: PLR2004  IPv6
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
