"""Random bytes of the system, fetched many at a time: each look at the source costs as much as the rest of an id."""

import os
from threading import Lock

_FETCHED = 4_096


class _Pool:
    """Bytes that nobody has got yet. Each is given out once, also by a process that was forked from this one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bytes = b""
        self._next = 0

    def take(self, count: int) -> bytes:
        with self._lock:
            if self._next + count > len(self._bytes):
                self._bytes, self._next = os.urandom(max(_FETCHED, count)), 0
            taken = self._bytes[self._next : self._next + count]
            self._next += count
            return taken

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]  # the lock, too, may be held by a thread that is not here


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)


def random_bytes(count: int) -> bytes:
    """As `os.urandom`; for names, not for secrets, which are not to lie in memory before they are made."""
    return _pool.take(count)
