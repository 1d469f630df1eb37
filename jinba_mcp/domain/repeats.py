"""Repeats: calls sent again under the same `Idempotency-Key`, which get the answer of the first."""

import hashlib
from datetime import timedelta

from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.records import Record, UtcDateTime

MAX_KEY_CHARACTERS = 255
KEY_PATTERN = r"^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$"
"""What the client calls it: printable ASCII, as headers keep it."""
KEPT_FOR = timedelta(hours=24)


class Claim(Record):
    """The first call of an organization under a key. It is there only together with its run."""

    organization_id: OrganizationId
    key_digest: str
    """The key itself is the client's business and is not kept."""
    fingerprint: str
    """Equal for calls that ask for the same."""
    run_id: RunId
    created_at: UtcDateTime


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(*asked: JsonValue) -> str:
    """Of all that makes a call this call."""
    return json_values.digest(list(asked))
