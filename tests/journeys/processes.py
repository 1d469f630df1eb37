"""The processes below another one, so that a test can see that none is left."""

import time
from pathlib import Path

from tests.journeys.outside import WITHIN_S

Process = tuple[int, str]
"""Its id, and when it started: ids are used again."""


def below(pid: int) -> set[Process]:
    """Every process that descends from this one, sandboxed ones included."""
    children: dict[int, list[Process]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields is not None:
            children.setdefault(int(fields[1]), []).append((int(path.name), fields[19]))
    found: set[Process] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child[0])
    return found


def alive(processes: set[Process]) -> set[Process]:
    """Those that still run; one that only waits to be reaped does not."""
    return {(pid, started) for pid, started in processes if _runs(pid, started)}


def _runs(pid: int, started: str) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[19] == started and fields[0] not in "ZX"


def _stat(pid: int) -> list[str] | None:
    """What stands behind the name in proc(5): state first, parent second, start time twentieth."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def until_gone(processes: set[Process]) -> None:
    """Wait until none of them runs."""
    deadline = time.monotonic() + WITHIN_S
    while left := alive(processes):
        assert time.monotonic() < deadline, f"still there: {left}"
