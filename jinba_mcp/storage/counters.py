"""Counters behind limits, in the memory of the process; `redis_counters.py` has them where several processes share one.

They count takes in a time, and places that are held.

The `limits` library's own memory storage for asyncio looks through all of its keys after each hit, in a task and with a
change of threads for every key; here a take costs about a microsecond, and the keys are bounded.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from jinba_mcp.clock import Clock
from jinba_mcp.domain.limits import Standing, Window

MAX_REMEMBERED = 100_000
LEASE_S = 30.0
"""How long a place outlives a process that was killed; three heartbeats."""


class Counters(Protocol):
    """What counts takes and places by name."""

    async def take(self, name: str, window: Window) -> Standing:
        """Count one more under `name`, unless the window is full.

        Raises:
            LimitsUnavailable: they cannot be reached.
        """
        ...

    async def enter(self, place: str, caps: Mapping[str, int]) -> str | None:
        """Hold one place under each name, or none where one is full: that name is the answer then.

        `place` is whose place it is, unique. A place whose process says nothing for `LEASE_S` is free again.

        Raises:
            LimitsUnavailable: they cannot be reached.
        """
        ...

    async def leave(self, place: str, names: Sequence[str]) -> None:
        """Free the place again under each name; if they cannot be reached it is free when its lease is over."""
        ...

    async def renew(self) -> None:
        """Say that this process still holds its places.

        Raises:
            LimitsUnavailable: they cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class MemoryCounters:
    """One process's own. The names that were used least recently are forgotten when there are too many."""

    def __init__(self, clock: Clock, *, max_remembered: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._max_remembered = max_remembered
        self._moving: OrderedDict[str, deque[float]] = OrderedDict()
        self._fixed: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._held: Counter[str] = Counter()

    async def take(self, name: str, window: Window) -> Standing:
        now = self._clock().timestamp()
        return self._take_moving(name, window, now) if window.is_moving else self._take_fixed(name, window, now)

    async def enter(self, place: str, caps: Mapping[str, int]) -> str | None:  # noqa: ARG002  one process needs no names
        full = next((name for name, cap in caps.items() if self._held[name] >= cap), None)
        if full is None:
            self._held.update(caps.keys())
        return full

    async def leave(self, place: str, names: Sequence[str]) -> None:  # noqa: ARG002  as above
        self._held.subtract(names)
        for name in names:
            if not self._held[name]:
                del self._held[name]

    async def renew(self) -> None: ...

    async def close(self) -> None: ...

    def _take_moving(self, name: str, window: Window, now: float) -> Standing:
        taken = self._moving.get(name)
        if taken is None:
            taken = self._moving[name] = deque()
            if len(self._moving) > self._max_remembered:
                self._moving.popitem(last=False)
        else:
            self._moving.move_to_end(name)
        while taken and taken[0] <= now - window.seconds:
            taken.popleft()
        is_free = len(taken) < window.count
        if is_free:
            taken.append(now)
        return _standing(window, len(taken), taken[0] + window.seconds - now, is_taken=is_free)

    def _take_fixed(self, name: str, window: Window, now: float) -> Standing:
        end, count = self._fixed.get(name, (0.0, 0))
        if end <= now:
            end, count = now + window.seconds, 0
        is_free = count < window.count
        if is_free:
            self._fixed[name] = (end, count + 1)
            self._fixed.move_to_end(name)
            if len(self._fixed) > self._max_remembered:
                self._fixed.popitem(last=False)
        return _standing(window, count + is_free, end - now, is_taken=is_free)


def _standing(window: Window, count: int, reset_s: float, *, is_taken: bool) -> Standing:
    # Built on every request, of values that need no check.
    return Standing.model_construct(
        is_taken=is_taken, remaining=max(0, window.count - count), reset_s=min(reset_s, float(window.seconds))
    )
