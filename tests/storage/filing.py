"""A program that files runs until it stands still in the middle of a transaction; says so, and waits to be killed."""

import asyncio
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from jinba_mcp.clock import system_clock
from jinba_mcp.core import filing
from jinba_mcp.core.filing import Filing
from jinba_mcp.storage.database import Write
from jinba_mcp.storage.store import Store

WHOLE_BATCHES = 3
BATCH = 20


class _NeverDone(list[tuple[Any, ...]]):
    """The rows of a write that begins and does not end."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        print("half way", flush=True)  # noqa: T201  the parent reads it
        threading.Event().wait()
        return super().__iter__()


async def main(url: str) -> None:
    store = await Store.open(url)
    write_batch, batches = store._database.write_batch, 0

    async def write_some(writes: Sequence[Write]) -> None:
        nonlocal batches
        if batches == WHOLE_BATCHES:
            *others, last = writes
            writes = [*others, Write(last.sql, _NeverDone(last.rows))]
        batches += 1
        await write_batch(writes)

    store._database.write_batch = write_some  # type: ignore[method-assign]  # to stand still where it matters
    await Filing(store, system_clock).catch_up()


if __name__ == "__main__":
    filing.BATCH = BATCH
    asyncio.run(main(sys.argv[1]))
