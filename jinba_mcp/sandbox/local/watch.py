"""Finds spares that use up the processor: a tool's module may start a thread, and no call has come yet."""

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from jinba_mcp.sandbox.local.processor import cpu_s
from jinba_mcp.sandbox.local.workers import Worker

MOST_SHARE = 0.2
"""Of one processor, between two looks."""


class CpuWatch:
    """Remembers what each worker had used when it was last looked at."""

    def __init__(self, used_s: Callable[[int], float] = cpu_s, now: Callable[[], float] = time.monotonic) -> None:
        self._used_s = used_s
        self._now = now
        self._seen: WeakKeyDictionary[Worker, tuple[float, float]] = WeakKeyDictionary()

    def is_restless(self, worker: Worker) -> bool:
        """Whether it has used more than its share since the last look; the first look only takes note."""
        now, used_s = self._now(), self._used_s(worker.pid)
        before = self._seen.get(worker)
        self._seen[worker] = (now, used_s)
        return before is not None and used_s - before[1] > MOST_SHARE * (now - before[0])
