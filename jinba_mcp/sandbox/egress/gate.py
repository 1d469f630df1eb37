"""Decides where a sandbox may connect to: the policy for the name, and the reach of every address behind it."""

import socket
from collections.abc import Iterable

from jinba_mcp.domain.addresses import Destination, IPAddress, Reach, allows, reach
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress.lookups import Lookup, Lookups, system_lookup


class Refused(Exception):
    """A connection that is not made. `status` and `kind` are what HTTP (RFC 9110) and `Proxy-Status` (RFC 9209) say."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def is_own(address: IPAddress) -> bool:
    """Whether an address belongs to this machine, found out by taking it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  IPv4
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


class Gate:
    """The policy of one sandbox.

    `private_hosts` are entries like those of a policy: what the operator lets be reached in networks of their own, by
    sandboxes whose policy allows it too.
    """

    def __init__(self, network: Network, private_hosts: Iterable[str] = (), lookup: Lookup = system_lookup) -> None:
        self._network = network
        self._private_hosts = tuple(private_hosts)
        self._lookups = Lookups(lookup)

    async def admit(self, destination: Destination) -> tuple[IPAddress, ...]:
        """The addresses to connect to, all of them checked; nothing is looked up for a host that is not allowed.

        Raises:
            Refused: the policy does not allow it, it cannot be resolved, or an address is none that may be reached.
        """
        if not allows(self._network, destination):
            raise Refused(403, "http_request_denied", self._denial(destination))
        addresses = (destination.address,) if destination.address else await self._resolve(destination.host)
        private = allows(self._private_hosts, destination)
        for address in addresses:
            _check(destination, address, private=private)
        return addresses

    def _denial(self, destination: Destination) -> str:
        if self._network == "off":
            return "This ToolSet has no network; its author can list hosts in sandbox.network."
        return f"{destination} is not in this ToolSet's sandbox.network; its author can add it."

    async def _resolve(self, host: str) -> tuple[IPAddress, ...]:
        try:
            addresses = await self._lookups.find(host)
        except TimeoutError:
            raise Refused(504, "dns_timeout", f"{host} could not be resolved in time; try again.") from None
        except (OSError, ValueError):
            raise Refused(502, "dns_error", f"{host} cannot be resolved; check the name.") from None
        if not addresses:
            raise Refused(502, "dns_error", f"{host} has no address; check the name.")
        return addresses


def _check(destination: Destination, address: IPAddress, *, private: bool) -> None:
    kind = reach(address)
    if kind is Reach.NEVER:
        message = f"{destination} leads to a reserved or metadata address, which no sandbox may reach."
        raise Refused(403, "destination_ip_prohibited", message)
    if not private and (kind is Reach.PRIVATE or is_own(address)):
        message = (
            f"{destination} leads into a private network; the operator can name it in JINBA_SANDBOX_PRIVATE_HOSTS."
        )
        raise Refused(403, "destination_ip_prohibited", message)
