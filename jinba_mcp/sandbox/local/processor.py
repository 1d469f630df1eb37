"""Processor time of processes: how much one has used, and word when it has used enough."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # proc(5): utime and stime, counted from behind the name in brackets
_SHORTEST_S = 0.05


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, all threads together; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S


class CpuAlarm:
    """Calls `ring` once when a process has used `allowed_s` more than it had; the process need not play along.

    A worker that is used again cannot be given a limit that the kernel enforces: a lowered one is never raised again.
    """

    def __init__(
        self, pid: int, allowed_s: float, ring: Callable[[], None], used_s: Callable[[int], float] = cpu_s
    ) -> None:
        self._pid = pid
        self._ring = ring
        self._used_s = used_s
        self._until_s = used_s(pid) + allowed_s
        self._timer = self._after(allowed_s)

    def cancel(self) -> None:
        self._timer.cancel()

    def _after(self, left_s: float) -> asyncio.TimerHandle:
        # With every processor at work for it, no earlier than this.
        wait_s = max(left_s / (os.cpu_count() or 1), _SHORTEST_S)
        return asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        left_s = self._until_s - self._used_s(self._pid)
        if left_s <= 0:
            self._ring()
        else:
            self._timer = self._after(left_s)
