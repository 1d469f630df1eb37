"""In a program that a test starts: takes its coverage and writes it to a file that was open before any wall stood.

So the coverage of what has walled itself in, forks, or becomes another program is taken, too; not of what is killed.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import sqlite3.dump  # noqa: F401  what coverage imports when it is too late
from collections.abc import Callable
from typing import NoReturn

import coverage

LENGTH_BYTES = 8
_FIRST = 1000
"""Where descriptors are that a program does not look at. Its soft limit is above, and may be lowered later."""


def begin(path: str, included: list[str]) -> None:
    """Measure the code whose files fit a pattern, from here on. Data is appended to the file at `path`."""
    taken = coverage.Coverage(data_file=None, branch=True, include=included, config_file=False, messages=False)
    taken.set_option("run:disable_warnings", ["no-data-collected", "no-ctracer"])
    opened = os.open(path, os.O_WRONLY | os.O_APPEND)
    out = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST)
    os.close(opened)
    end, close = os._exit, os.closerange

    def save() -> None:
        # Whatever the walls make of this, the program must not notice.
        with contextlib.suppress(Exception):
            data = taken.get_data().dumps()
            os.write(out, len(data).to_bytes(LENGTH_BYTES, "big") + data)

    def saved_end(status: int) -> NoReturn:
        save()
        end(status)

    def saved_become(become: Callable[..., NoReturn], *arguments: object) -> NoReturn:
        save()
        become(*arguments)

    def close_others(first: int, last: int) -> None:
        close(first, min(out, last))
        close(max(out + 1, first), last)

    os._exit, os.closerange = saved_end, close_others
    for name in ("execv", "execve"):
        setattr(os, name, functools.partial(saved_become, getattr(os, name)))
    taken.start()
    # After coverage's own, so that it comes before.
    atexit.register(save)
