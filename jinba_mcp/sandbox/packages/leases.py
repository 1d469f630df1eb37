"""Locks between processes and within one, by `flock(2)`: who uses a thing, and who alone may change it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio

_GLANCE_S = 0.05


class Hold:
    """A file lock that was taken; it ends with `close`, or with the process however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def shared(cls, file: Path) -> Self | None:
        """Hold `file` together with others; None while somebody has it alone."""
        return cls._taken(file, fcntl.LOCK_SH)

    @classmethod
    def alone(cls, file: Path) -> Self | None:
        """Hold `file` alone; None while anybody has it."""
        return cls._taken(file, fcntl.LOCK_EX)

    @classmethod
    def _taken(cls, file: Path, kind: int) -> Self | None:
        # Lock files are never deleted: somebody might lock the one that is going, and somebody else its successor.
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def touch(self) -> None:
        """Set the file's time to now."""
        os.utime(self._descriptor)

    def close(self) -> None:
        """Let go. Closing twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


async def taken_within(timeout_s: float, take: Callable[[], Hold | None]) -> Hold | None:
    """What `take` gives as soon as it gives something; None after `timeout_s` seconds."""
    with anyio.move_on_after(timeout_s):
        # Looked at again and again, since a thread that waits in flock(2) cannot be called back.
        while (hold := take()) is None:  # noqa: ASYNC110  another process sets no event of ours
            await anyio.sleep(_GLANCE_S)
        return hold
    return None
