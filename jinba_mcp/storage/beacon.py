"""The beacon: a file by which processes on one machine hear of a change that PostgreSQL's notice has yet to tell."""

import os
from contextlib import suppress
from pathlib import Path

from jinba_mcp.domain.errors import Unavailable


class Beacon:
    """A file that grows by a byte with each change; to look at its length takes a microsecond."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there (0600, its directory 0700).

        Raises:
            Unavailable: it cannot be made.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        except OSError as error:
            raise Unavailable(f"The file '{path}' cannot be used: {error.strerror}.") from error

    def ring(self) -> None:
        """Say that something has changed, after it has."""
        # On a full disk the notice is all that the others have.
        with suppress(OSError):
            os.write(self._descriptor, b"\n")

    def count(self) -> int:
        """How often it was said so far, by any process."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        os.close(self._descriptor)
