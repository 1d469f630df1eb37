"""Opaque identifiers: a prefix that names the noun, then 26 characters that sort by time (ULID: Crockford base32)."""

import re
import secrets
from datetime import datetime
from typing import NewType

OrganizationId = NewType("OrganizationId", str)
UserId = NewType("UserId", str)
KeyId = NewType("KeyId", str)
ToolSetId = NewType("ToolSetId", str)
VersionId = NewType("VersionId", str)
RunId = NewType("RunId", str)

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
SLUG_RULE = "use 1 to 63 lower-case letters, digits and inner hyphens"
_SLUG = re.compile(SLUG_PATTERN)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _ulid(at: datetime) -> str:
    number = (int(at.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


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


def is_slug(text: str) -> bool:
    """Whether `text` can name an organization, a ToolSet or a tool in a URL."""
    return _SLUG.fullmatch(text) is not None
