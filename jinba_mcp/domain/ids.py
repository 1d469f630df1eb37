"""Opaque identifiers: a prefix that names the noun, then 26 characters that sort by time (ULID: Crockford base32)."""

import re
from datetime import datetime
from functools import lru_cache
from typing import NewType

from jinba_mcp.domain.randomness import random_bytes

OrganizationId = NewType("OrganizationId", str)
UserId = NewType("UserId", str)
KeyId = NewType("KeyId", str)
ToolSetId = NewType("ToolSetId", str)
VersionId = NewType("VersionId", str)
RunId = NewType("RunId", str)
AuditId = NewType("AuditId", str)
SessionId = NewType("SessionId", str)
InvitationId = NewType("InvitationId", str)
WebhookId = NewType("WebhookId", str)
DeliveryId = NewType("DeliveryId", str)
CreditId = NewType("CreditId", str)

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
SLUG_RULE = "use 1 to 63 lower-case letters, digits and inner hyphens"
_SLUG = re.compile(SLUG_PATTERN)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OF_BYTES = bytes(ord(_CROCKFORD[byte % 32]) for byte in range(256))
"""A character for each byte; each character stands for as many."""
_RANDOM_CHARACTERS = 16


def _ulid(at: datetime) -> str:
    return _of_time(int(at.timestamp() * 1000)) + random_bytes(_RANDOM_CHARACTERS).translate(_OF_BYTES).decode()


@lru_cache(maxsize=16)
def _of_time(milliseconds: int) -> str:
    return _text(milliseconds, 10)


def _text(number: int, length: int) -> str:
    return "".join([_CROCKFORD[(number >> shift) & 31] for shift in range(5 * (length - 1), -5, -5)])


def organization_id(at: datetime) -> OrganizationId:
    return OrganizationId(f"org_{_ulid(at)}")


def user_id(at: datetime) -> UserId:
    return UserId(f"user_{_ulid(at)}")


def key_id(at: datetime) -> KeyId:
    return KeyId(f"key_{_ulid(at)}")


def toolset_id(at: datetime) -> ToolSetId:
    return ToolSetId(f"ts_{_ulid(at)}")


def version_id(at: datetime) -> VersionId:
    return VersionId(f"ver_{_ulid(at)}")


def run_id(at: datetime) -> RunId:
    return RunId(f"run_{_ulid(at)}")


def audit_id(at: datetime) -> AuditId:
    return AuditId(f"aud_{_ulid(at)}")


def session_id(at: datetime) -> SessionId:
    return SessionId(f"ses_{_ulid(at)}")


def invitation_id(at: datetime) -> InvitationId:
    return InvitationId(f"inv_{_ulid(at)}")


def webhook_id(at: datetime) -> WebhookId:
    return WebhookId(f"wh_{_ulid(at)}")


def delivery_id(at: datetime) -> DeliveryId:
    return DeliveryId(f"dlv_{_ulid(at)}")


def credit_id(at: datetime) -> CreditId:
    return CreditId(f"crd_{_ulid(at)}")


def credit_id_after(before: str) -> CreditId:
    """The next that there can be, for a line of the same millisecond (ULID specification, "Monotonicity")."""
    number = 0
    for character in before.removeprefix("crd_"):
        number = number << 5 | _CROCKFORD.index(character)
    return CreditId(f"crd_{_text(number + 1, 26)}")


def is_slug(text: str) -> bool:
    """Whether `text` can name an organization, a ToolSet or a tool in a URL."""
    return _SLUG.fullmatch(text) is not None
