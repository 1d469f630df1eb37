"""Watching a folder: by looking at it again and again, which works on every file system and needs no library."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import anyio

LOOK_EVERY_S = 0.3

Look: TypeAlias = frozenset[tuple[str, int, int]]
"""The files below a folder as they were: name, time of change in ns, size in bytes."""


def look(root: Path) -> Look:
    """What is below `root` now; hidden folders and `__pycache__` are left out."""
    seen = set()
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118  a Path for each file at each look is most of the cost
            try:
                found = os.stat(path)  # noqa: PTH116  as above
            except OSError:
                # Gone since it was listed, which the next look will show.
                continue
            seen.add((path, found.st_mtime_ns, found.st_size))
    return frozenset(seen)


async def _pause() -> None:
    await anyio.sleep(LOOK_EVERY_S)


async def changes(root: Path, known: Look, pause: Callable[[], Awaitable[None]] = _pause) -> AsyncIterator[None]:
    """One item for each time that the folder is no longer as it was at the item before; at first, as in `known`.

    It waits until two looks see the same, so that a change of many files is one.
    """
    before = known
    while True:
        await pause()
        now = await anyio.to_thread.run_sync(look, root)
        if now == before and now != known:
            known = now
            yield
        before = now
