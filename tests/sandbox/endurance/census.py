"""What there is on the machine because of an engine: processes, descriptors, mounts, files, tasks, memory."""

import asyncio
import gc
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"\d+")
_GONE_S = 60.0


@dataclass(frozen=True)
class Census:
    """Counts at one moment; `memory_bytes` is what is resident of the server itself."""

    processes: int
    descriptors: int
    mounts: int
    files: int
    tasks: int
    memory_bytes: int

    def more_than(self, before: "Census") -> list[str]:
        """What there is more of now, memory aside, in sentences."""
        names = ("processes", "descriptors", "mounts", "files", "tasks")
        pairs = [(name, getattr(before, name), getattr(self, name)) for name in names]
        return [
            f"{now - then} {name} are left over ({then} before, {now} after)" for name, then, now in pairs if now > then
        ]


def taken(folders: Iterable[Path]) -> Census:
    """A count of all; `folders` are those in which an engine makes files."""
    gc.collect()
    return Census(
        processes=len(descendants(os.getpid())),
        descriptors=descriptors(),
        mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
        files=sum(files(folder) for folder in folders),
        tasks=len(asyncio.all_tasks()),
        memory_bytes=memory_bytes(),
    )


def descriptors(pid: int | None = None) -> int:
    """How many descriptors a process has open; by default this one, which has one more while it counts."""
    return len(os.listdir(f"/proc/{pid or 'self'}/fd")) - (pid is None)  # noqa: PTH208  a count is all


def descendants(pid: int) -> set[int]:
    """Every process that this one has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for each in _processes():
        parent = _status(each, "PPid")
        if parent is not None:
            children.setdefault(parent, []).append(each)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), [])
        found.update(new)
        waiting += new
    return found


def marked(mark: str) -> set[int]:
    """Every process with this on its command line, whoever its parent is; forks of a zygote have the zygote's."""
    found = set()
    for each in _processes():
        try:
            line = Path(f"/proc/{each}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in line and each != os.getpid():
            found.add(each)
    return found


def files(folder: Path) -> int:
    """How many files and folders there are in one, at any depth."""
    # Not by Python: its walks recurse, and what hostile runs leave is deeper than that.
    found = subprocess.run(
        ["find", folder, "-mindepth", "1", "-printf", "."], capture_output=True, check=False, timeout=60
    )
    return len(found.stdout)


def memory_bytes(pid: int | None = None) -> int:
    """What is resident of a process."""
    return 1024 * (_status(pid or os.getpid(), "VmRSS") or 0)


async def gone(pids: Iterable[int]) -> None:
    """Until these processes have ended.

    Raises:
        TimeoutError: one has not, in a long time.
    """
    async with asyncio.timeout(_GONE_S):
        for pid in pids:
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                await readable(pidfd)
            finally:
                os.close(pidfd)


async def readable(descriptor: int) -> None:
    """Until it has something to read, or its process has ended if it is a pidfd."""
    arrived = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, arrived.set)
    try:
        await arrived.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)


async def idle() -> None:
    """Until no other task runs."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_GONE_S)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  names are all


def _status(pid: int, field: str) -> int | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _colon, value = line.partition(":")
        number = _NUMBER.search(value)
        if name == field and number is not None:
            return int(number[0])
    return None
