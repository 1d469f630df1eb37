"""Second factors: a code from an authenticator (RFC 6238), and recovery codes for when it is lost."""

import hashlib
import secrets

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.records import Record, UtcDateTime

ISSUER = "Jinba MCP"
RECOVERY_CODE_COUNT = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUP_LENGTH = 5
_GROUP_COUNT = 4


class Totp(Record):
    """A user's second factor, its secret sealed. Asked for at sign-in once it is confirmed with a first code."""

    user_id: UserId
    sealed: str
    last_counter: int
    """The period (30 s since 1970) of the last code that was taken; that code and earlier ones are refused."""
    confirmed_at: UtcDateTime | None


class Proof(Record):
    """What a code is worth: the period of an authenticator's, the digest of what may be a recovery code, or nothing."""

    counter: int | None = None
    recovery: str | None = None


def new_recovery_codes() -> tuple[str, ...]:
    """Fresh codes of 99 random bits each, in groups that can be read aloud."""
    return tuple("-".join(_group() for _ in range(_GROUP_COUNT)) for _ in range(RECOVERY_CODE_COUNT))


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH))


def recovery_digest(code: str) -> str:
    """All that is stored of a recovery code; the same however it was typed."""
    plain = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(b"jinba recovery code " + plain.encode()).hexdigest()
