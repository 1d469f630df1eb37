"""Reads what a run prints, no more than fits its log, and makes lines of it."""

import os

from jinba_mcp.domain.runs import NO_LOGS, RunLogs
from jinba_mcp.sandbox.capture import lines_of

_READ_BYTES = 65_536


class Log:
    """One stream of a run: the reading end of a pipe."""

    __slots__ = ("_fd", "_max_bytes", "_parts", "_room")

    def __init__(self, fd: int, max_bytes: int) -> None:
        self._fd = fd
        self._max_bytes = max_bytes
        self.restart()

    def restart(self) -> None:
        """Begin anew for another run of the same process."""
        self._room = self._max_bytes + 1
        self._parts: list[bytes] = []

    def read(self) -> bool:
        """Take what there is now; False if nothing more will be taken."""
        while self._room > 0:
            try:
                raw = os.read(self._fd, min(_READ_BYTES, self._room))
            except BlockingIOError:
                return True
            if not raw:
                return False
            self._room -= len(raw)
            self._parts.append(raw)
        return False

    def lines(self) -> tuple[str, ...]:
        """What was printed, line by line."""
        if not self._parts:
            return ()
        raw = b"".join(self._parts)
        was_cut = len(raw) > self._max_bytes
        # The cut may go through a character; what a tool wrote that is no UTF-8 is shown as it is.
        text = _without_half(raw[: self._max_bytes]) if was_cut else raw
        return lines_of(text.decode(errors="backslashreplace"), self._max_bytes, was_cut=was_cut)


def logs(stdout: Log, stderr: Log) -> RunLogs:
    """Both streams, as a run records them."""
    out, err = stdout.lines(), stderr.lines()
    return RunLogs(stdout=out, stderr=err) if out or err else NO_LOGS


def _without_half(raw: bytes) -> bytes:
    """Without the beginning of a character at the end, of which UTF-8 has at most three bytes."""
    for length in (1, 2, 3):
        lead = raw[-length] if length <= len(raw) else 0
        if lead & 0xC0 == 0xC0:  # noqa: PLR2004  UTF-8: a byte that begins a longer character
            is_whole = length >= (4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2)  # noqa: PLR2004  as above
            return raw if is_whole else raw[:-length]
        if lead & 0x80 == 0:
            break
    return raw
