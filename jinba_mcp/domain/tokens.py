"""Tokens that open one thing: sessions, invitations, resets. Random, opaque, and stored as digests only."""

import hashlib
import re
import secrets

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """256 random bits in URL-safe base64: 43 characters."""
    return secrets.token_urlsafe(32)


def is_well_formed(token: str) -> bool:
    """Whether it could be one; says nothing of whether it is."""
    return _TOKEN.fullmatch(token) is not None


def digest(token: str) -> str:
    """SHA-256 in hex. A fast hash is right for 256 random bits, which cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
