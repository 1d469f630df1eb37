"""How much memory a process takes, with all that it started, and an end to it when that is too much."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import anyio

_GLANCE_S = 0.1
_MAX_PROCESSES = 10_000
_KB = 1024
_COUNTED = ("RssAnon:", "RssShmem:")  # files that are mapped can be dropped at any time

End: TypeAlias = Callable[[], None]


def resident_bytes(pid: int) -> int:
    """Memory that is there for `pid` and its descendants; what they share is counted for each."""
    total_bytes = count = 0
    pids = [pid]
    while pids and count < _MAX_PROCESSES:
        each, count = pids.pop(), count + 1
        total_bytes += _own_bytes(each)
        pids += children(each)
    return total_bytes


class Watch:
    """Ends a process when it and its descendants take more than `max_bytes`."""

    def __init__(self, pid: int, max_bytes: int) -> None:
        self.is_over = False
        self._pid = pid
        self._max_bytes = max_bytes

    async def watch(self, end: End) -> None:
        """Look again and again, until it is over the limit or this is cancelled."""
        while not self.is_over:
            await anyio.sleep(_GLANCE_S)
            self.is_over = resident_bytes(self._pid) > self._max_bytes
        end()


def _own_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _KB for line in lines if line.startswith(_COUNTED))


def children(pid: int) -> list[int]:
    """The processes that it started and has not waited for."""
    try:
        return [
            int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
        ]
    except OSError:
        return []
