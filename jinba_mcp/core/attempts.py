"""Attempts at passwords: slowed down by account and by address; guessing takes for ever, and nobody is locked out.

Token buckets in the memory of the process: n processes let through n times as much, and a restart forgets. Both are
fine for what they protect, which a hash of 20 MB and 100 ms protects as well.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from jinba_mcp.clock import Clock
from jinba_mcp.core.limits import site
from jinba_mcp.domain.errors import LimitExceeded

_REMEMBERED = 100_000


@dataclass(frozen=True)
class Pace:
    """So many attempts at once, then one every `refill_s`."""

    burst: int
    refill_s: float


PER_ACCOUNT = Pace(burst=10, refill_s=30)
PER_ADDRESS = Pace(burst=40, refill_s=5)


class Attempts:
    """Full buckets are forgotten first, and made-up accounts push each other out, not the memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, account: str | None, address: str | None) -> None:
        """Note an attempt at an account, from an address; None is not counted.

        Raises:
            LimitExceeded: there were too many; `retryAfter` says for how many seconds.
        """
        now = self._clock()
        buckets = [] if account is None else [(f"account {account}", PER_ACCOUNT)]
        buckets += [] if address is None else [(f"address {site(address)}", PER_ADDRESS)]
        for name, pace in buckets:
            spent = self._spent_now(name, pace, now)
            if spent > pace.burst - 1:
                wait_s = max(1, math.ceil((spent - pace.burst + 1) * pace.refill_s))
                raise LimitExceeded(
                    f"Too many attempts. Wait {wait_s} seconds and try again.",
                    retryAfter=wait_s,
                )
        for name, pace in buckets:
            self._note(name, self._spent_now(name, pace, now) + 1, now)

    def forgive(self, account: str) -> None:
        """Forget an account's failures, for it has shown that it knows the password."""
        self._spent.pop(f"account {account}", None)

    def _spent_now(self, name: str, pace: Pace, now: datetime) -> float:
        spent, at = self._spent.get(name, (0.0, now))
        return max(0.0, spent - (now - at).total_seconds() / pace.refill_s)

    def _note(self, name: str, spent: float, now: datetime) -> None:
        self._spent[name] = (spent, now)
        self._spent.move_to_end(name)
        if len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)
