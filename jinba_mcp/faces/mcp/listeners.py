"""Open streams of clients that wait for changes: bounded in number, and ended together at shutdown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jinba_mcp.domain.errors import LimitExceeded


class Listeners:
    """Every stream takes a place for as long as it is open."""

    def __init__(self, max_open: int = 1_024) -> None:
        self._max_open = max_open
        self._closers: dict[object, Callable[[], None]] = {}

    @contextmanager
    def place(self, close: Callable[[], None]) -> Iterator[None]:
        """Hold a place; `close` is how this stream is ended from outside.

        Raises:
            LimitExceeded: all places are taken.
        """
        if len(self._closers) >= self._max_open:
            raise LimitExceeded("Too many clients are listening for changes here. Try again in a minute.")
        place = object()
        self._closers[place] = close
        try:
            yield
        finally:
            del self._closers[place]

    def close_all(self) -> None:
        """End every open stream."""
        for close in list(self._closers.values()):
            close()
