"""What a sandbox sees of the network: where its proxy is, and names without DNS.

Each host that a policy spells out has an address that stands for it. The addresses are out of the range for benchmarks
between networks (RFC 2544), where no host is. They mean something to the broker only, which looks a name up when it is
connected to: what moved in DNS is found again, and hosts that share an address are told apart.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address
from types import MappingProxyType

from jinba_mcp.domain.addresses import HostPattern
from jinba_mcp.domain.sandboxes import Network

PROXY_ADDRESS = IPv4Address("127.0.0.1")
PROXY_PORT = 3128
_PROXY_URL = f"http://{PROXY_ADDRESS}:{PROXY_PORT}"

PROXY_ENV: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _PROXY_URL)
)
"""How clients are told; either spelling has clients that read no other."""

_FIRST = IPv4Address("198.18.0.1")


def stand_ins(network: Network) -> Mapping[str, IPv4Address]:
    """The address that stands for each host of a policy, the same for equal policies; wildcards have none."""
    if isinstance(network, str):
        return {}
    patterns = [HostPattern.parse(entry) for entry in network]
    hosts = sorted({pattern.host for pattern in patterns if not pattern.is_wildcard})
    return {host: _FIRST + index for index, host in enumerate(hosts)}


def hosts_file(network: Network) -> str:
    """What `/etc/hosts` says in a sandbox with this policy."""
    lines = [f"{address} {host}\n" for host, address in stand_ins(network).items()]
    return "".join(["127.0.0.1 localhost\n", *lines])
