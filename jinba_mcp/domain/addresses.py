"""Addresses: which of them code in a sandbox may reach, and which destinations a network policy allows."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from jinba_mcp.domain.sandboxes import Network

IPAddress: TypeAlias = IPv4Address | IPv6Address

WEB_PORTS = frozenset({80, 443})
"""What a host in a policy is open for when it names no port."""

_METADATA_V4 = (
    "100.100.100.200/32",  # Alibaba Cloud, in the middle of the carriers' range
    "168.63.129.16/32",  # Azure's wire server, a public address on paper
    "169.254.0.0/16",  # link-local; AWS, Google, Azure, Oracle, DigitalOcean, Tencent and others keep theirs in it
    "192.0.0.0/24",  # IETF protocol assignments; Oracle's older metadata service is 192.0.0.192
)
_PRIVATE_V4 = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_UNUSABLE_V4 = (
    "0.0.0.0/8",  # "this network"; Linux takes 0.0.0.0 for loopback
    "192.0.2.0/24",  # documentation, as the two below
    "192.88.99.0/24",  # relays for 6to4, given up
    "198.18.0.0/15",  # benchmarks between networks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, with the broadcast address
)
_METADATA_V6 = (
    "fd00:100::100:200/128",  # Alibaba Cloud
    "fd00:a9fe:a9fe::1/128",  # Linode
    "fd00:42::42/128",  # Scaleway
    "fd00:c1::/32",  # Oracle
    "fd00:ec2::/32",  # AWS: metadata, credentials of pods, DNS, time
    "fd20:ce::254/128",  # Google
)
_PRIVATE_V6 = ("::1/128", "fc00::/7")
_GLOBAL_V6 = IPv6Network("2000::/3")
_UNUSABLE_V6 = (
    "2001::/23",  # IETF protocol assignments, among them Teredo, which carries an IPv4 address
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, which carries an IPv4 address
    "3fff::/20",  # documentation
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; where it is used, it is how any IPv4 host is reached

_NEVER_V4_NETWORKS = tuple(IPv4Network(each) for each in _METADATA_V4 + _UNUSABLE_V4)
_PRIVATE_V4_NETWORKS = tuple(IPv4Network(each) for each in _PRIVATE_V4)
_NEVER_V6_NETWORKS = tuple(IPv6Network(each) for each in _METADATA_V6 + _UNUSABLE_V6)
_PRIVATE_V6_NETWORKS = tuple(IPv6Network(each) for each in _PRIVATE_V6)


class Reach(StrEnum):
    """Who may be behind an address."""

    PUBLIC = "public"
    """Anyone in the Internet."""
    PRIVATE = "private"
    """This machine and networks of its owner: open only to hosts that the operator names."""
    NEVER = "never"
    """Cloud metadata, link-local, multicast, reserved: open to nobody."""


def reach(address: IPAddress) -> Reach:
    """Who may be behind an address, after the special-purpose registries of IANA (RFC 6890) and the clouds' manuals.

    An IPv4 address inside an IPv6 one (mapped, or by the well-known NAT64 prefix) is judged as itself. What a network
    translates by a prefix of its own choice cannot be seen here.
    """
    if isinstance(address, IPv6Address):
        inner = _inner_v4(address)
        return _reach_v6(address) if inner is None else _reach_v4(inner)
    return _reach_v4(address)


def is_public(address: IPAddress) -> bool:
    """Whether an address is one that anybody in the Internet could reach too."""
    return reach(address) is Reach.PUBLIC


def _inner_v4(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _reach_v4(address: IPv4Address) -> Reach:
    if any(address in network for network in _NEVER_V4_NETWORKS):
        return Reach.NEVER
    return Reach.PRIVATE if any(address in network for network in _PRIVATE_V4_NETWORKS) else Reach.PUBLIC


def _reach_v6(address: IPv6Address) -> Reach:
    if address.scope_id is not None or any(address in network for network in _NEVER_V6_NETWORKS):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_V6_NETWORKS):
        return Reach.PRIVATE
    # Everything outside is unassigned, link-local, site-local, multicast or a translation that we do not know.
    return Reach.PUBLIC if address in _GLOBAL_V6 else Reach.NEVER


_MAX_NAME_CHARS = 253
_MAX_PORT = 65_535
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,254}))(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection is to go, in the one spelling that everything is compared in.

    `host` is a lower-case ASCII name without its last dot, or an address as Python writes it.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_port: int | None = None) -> "Destination":
        """Read `host`, `host:port` or `[address]:port`, as in RFC 3986, without user information.

        Raises:
            ValueError: it is none of these, has no port between 1 and 65535, is not ASCII (names like that are written
                `xn--…`), or is an address in one of the old spellings (`127.1`, `0x7f.1`, `2130706433`).
        """
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            raise ValueError("is no host name or address with a port")
        port = int(found["port"] or default_port or 0)
        if not 1 <= port <= _MAX_PORT:
            raise ValueError("has no port between 1 and 65535")
        return cls(_v6(found["v6"]) if found["v6"] else _name(found["name"]), port)

    @property
    def address(self) -> IPAddress | None:
        """The address, if that is what the host is."""
        return ip_address(self.host) if ":" in self.host or _is_v4(self.host) else None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _v6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError("is no IPv6 address") from None


def _name(text: str) -> str:
    name = text.lower().removesuffix(".")
    if len(name) > _MAX_NAME_CHARS or _NAME.fullmatch(name) is None:
        raise ValueError("is no host name")
    # Resolvers read names that end in a number as addresses, each in its own way.
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and not _is_v4(name):
        raise ValueError("is no address of four decimal numbers")
    return name


def _is_v4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class HostPattern:
    """An entry of a network policy: a host or, with `*.`, all names below it, but not itself and never an address."""

    host: str
    ports: frozenset[int]
    is_wildcard: bool

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, entry: str) -> "HostPattern":
        """Read an entry that `domain.sandboxes` has accepted."""
        host, _, port = entry.partition(":")
        ports = frozenset({int(port)}) if port else WEB_PORTS
        return cls(host.removeprefix("*."), ports, host.startswith("*."))

    def matches(self, destination: Destination) -> bool:
        """Whether the entry allows a connection there."""
        if destination.port not in self.ports:
            return False
        if self.is_wildcard:
            return destination.host.endswith(f".{self.host}") and destination.address is None
        return destination.host == self.host


def allows(network: Network, destination: Destination) -> bool:
    """Whether a policy lets a destination be asked for; the addresses behind a name are judged by `reach`, after that.

    `on` allows every host and port, those of mail servers too.
    """
    if isinstance(network, str):
        return network == "on"
    return any(HostPattern.parse(entry).matches(destination) for entry in network)
