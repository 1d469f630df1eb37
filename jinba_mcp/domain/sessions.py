"""Sessions: a signed-in browser, the token in its cookie, and the token that its pages prove themselves with."""

import hashlib
import hmac
from datetime import datetime, timedelta

from jinba_mcp.domain.ids import SessionId, UserId
from jinba_mcp.domain.records import Record, UtcDateTime

IDLE_LIFETIME = timedelta(days=14)
"""How long a session lives without being used."""
LIFETIME = timedelta(days=90)
"""How long it lives at all."""
MAX_PER_USER = 50
"""How many a user may have; a further one ends the oldest."""
MAX_CLIENT_LENGTH = 200


class Session(Record):
    """A sign-in without its token, of which only the digest is stored."""

    id: SessionId
    user_id: UserId
    client: str
    """What the browser calls itself."""
    address: str | None
    created_at: UtcDateTime
    last_used_at: UtcDateTime

    @property
    def expires_at(self) -> datetime:
        """When it ends if it is not used again."""
        return min(self.last_used_at + IDLE_LIFETIME, self.created_at + LIFETIME)

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at <= now


def csrf_token(session_token: str) -> str:
    """What a page sends along to show that it could read an answer of ours; of no use with any other session.

    Derived, so that nothing is stored and every process knows it (OWASP: double submit, bound to the session by HMAC).
    """
    return hmac.new(session_token.encode(), b"jinba csrf", hashlib.sha256).hexdigest()


def is_csrf_token(given: str, session_token: str) -> bool:
    """Whether it is the one of this session; takes the same time either way."""
    return hmac.compare_digest(given.encode(), csrf_token(session_token).encode())
