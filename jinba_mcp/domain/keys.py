"""API keys: the record, the format of the secret, and what a key may be narrowed to.

A secret is `jtb_`, 43 base62 characters (256 random bits) and 6 base62 characters of the CRC-32 of those 43, so that a
typo and a leaked-key scanner can be answered without a database.
"""

import hashlib
import ipaddress
import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from jinba_mcp.domain.ids import KeyId, OrganizationId, UserId
from jinba_mcp.domain.limits import PerMinute
from jinba_mcp.domain.records import Record, UtcDateTime
from jinba_mcp.domain.scopes import Scope

SECRET_PREFIX = "jtb_"  # noqa: S105  the public mark of a key, not a secret
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_LENGTH = 43
_CHECKSUM_LENGTH = 6
_SECRET = re.compile(rf"{SECRET_PREFIX}[0-9A-Za-z]{{{_BODY_LENGTH + _CHECKSUM_LENGTH}}}")
NETWORK_PATTERN = r"^[0-9A-Fa-f:.]{2,45}(?:/[0-9]{1,3})?$"
"""Without the zone that may follow an IPv6 address: that is any text at all, and names a network card."""
MAX_OVERLAP_S = 7 * 24 * 3600
MAX_KEYS = 1_000
"""Of an organization; revoked ones do not count."""
MAX_PERSONAL_KEYS = 100
"""Of a user; revoked ones do not count."""


class KeyKind(StrEnum):
    ORGANIZATION = "organization"
    PERSONAL = "personal"


class Key(Record):
    """A credential without its secret. `prefix` is the first 8 characters, for recognition only."""

    id: KeyId
    kind: KeyKind
    organization_id: OrganizationId | None
    user_id: UserId | None
    """The user a personal key acts as; for an organization key nobody."""
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    toolsets: tuple[str, ...] | None = None
    """Slugs this key is narrowed to; None means all."""
    tools: tuple[str, ...] | None = None
    """`slug/tool` this key is narrowed to; None means all."""
    allowed_ips: tuple[str, ...] | None = None
    """Networks in CIDR form; None means any."""
    rate_limit: PerMinute | None = None
    """Requests a minute, instead of what the operator set for all keys."""
    expires_at: UtcDateTime | None = None
    created_by: str
    created_at: UtcDateTime
    last_used_at: UtcDateTime | None = None
    revoked_at: UtcDateTime | None = None

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def admits_address(self, address: str | None) -> bool:
        """Whether `allowed_ips` lets this client address in; an unknown address passes only an open key."""
        if self.allowed_ips is None:
            return True
        try:
            client = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        # A socket that listens on IPv6 and IPv4 alike shows 10.0.0.1 as ::ffff:10.0.0.1.
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in ipaddress.ip_network(network) for network in self.allowed_ips)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def new_secret() -> str:
    """A fresh full key with 256 bits of randomness."""
    body = _base62(secrets.randbits(256), _BODY_LENGTH)
    return f"{SECRET_PREFIX}{body}{_checksum(body)}"


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def is_well_formed(secret: str) -> bool:
    """Whether prefix, alphabet, length and checksum fit; says nothing of whether the key exists."""
    if _SECRET.fullmatch(secret) is None:
        return False
    body = secret[len(SECRET_PREFIX) : -_CHECKSUM_LENGTH]
    return _checksum(body) == secret[-_CHECKSUM_LENGTH:]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request presents as a key: all that is needed to find it, without the secret itself."""

    digest: str
    is_well_formed: bool

    @classmethod
    def of(cls, secret: str) -> Self:
        return cls(digest(secret), is_well_formed(secret))


def digest(secret: str) -> str:
    """SHA-256 in hex: all that is ever stored. A fast hash is right for 256 random bits, which cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_network(text: str) -> bool:
    """Whether `text` is an IP network in CIDR form (or one address)."""
    if re.fullmatch(NETWORK_PATTERN, text) is None:
        return False
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def are_within(networks: tuple[str, ...] | None, others: tuple[str, ...] | None) -> bool:
    """Whether every address of the one is in the other as well, all in CIDR form; None is any address."""
    if networks is None or others is None:
        return others is None
    around = [ipaddress.ip_network(other) for other in others]
    return all(
        any(each.network_address in other and each.broadcast_address in other for other in around)
        for each in map(ipaddress.ip_network, networks)
    )


def display_prefix(secret: str) -> str:
    return secret[:8]
