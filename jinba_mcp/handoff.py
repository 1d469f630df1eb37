"""Handing work to threads, which wait for it in a pipe."""

import os
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """A queue without bounds, first in, first out, from any thread to any other.

    Who writes to a pipe lets go of the interpreter's lock, so the thread that wakes has it at once. A waiter of a lock
    or of `queue` is woken by someone who still holds that, falls asleep again until it is let go of, and so costs twice
    as many switches of threads and up to three times as much time.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._readable, self._writable = os.pipe()

    def __del__(self) -> None:
        os.close(self._readable)
        os.close(self._writable)

    def put(self, item: T) -> None:
        """Have some thread that waits, or the next that will, get the item."""
        self.add(item)
        self.wake()

    def add(self, item: T) -> None:
        """The first half of `put`, for who must not be overtaken and holds a lock; `wake` is to follow without it."""
        self._items.append(item)

    def wake(self) -> None:
        """The second half of `put`. At 65,536 items that nobody has taken yet it waits."""
        os.write(self._writable, b"\0")

    def get(self) -> T:
        """The item that has waited longest; waits for one."""
        os.read(self._readable, 1)
        return self._items.popleft()
