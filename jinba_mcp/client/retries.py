"""Retries: whether to ask again, and when."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

REPEATED_STATUSES = frozenset({429, 503})
"""Those with which a server says that it did nothing, and may do it later."""

_SPREAD = random.SystemRandom()


@dataclass(frozen=True)
class Retries:
    """How often to ask again, and how long to wait: twice as long each time, less up to a half by chance."""

    count: int = 4
    """Repeats after the first try; 0 for none."""
    first_s: float = 0.5
    longest_s: float = 20.0

    def __post_init__(self) -> None:
        if self.count < 0 or not 0 < self.first_s <= self.longest_s:
            raise ValueError("retries: the count is at least 0, and first_s is above 0 and at most longest_s")

    def delay_s(self, repeat: int, retry_after_s: float | None = None) -> float:
        """Seconds before a repeat, of which the first is number 0; never less than the server asks for."""
        grown = min(self.longest_s, self.first_s * 2.0 ** min(repeat, 60))
        # By chance, so that clients that were refused together do not come back together.
        return max(_SPREAD.uniform(grown / 2, grown), retry_after_s or 0.0)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, in either form (RFC 9110, 10.2.3); None if it says nothing usable."""
    if header is None:
        return None
    said = header.strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
