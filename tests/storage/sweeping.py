"""A program that removes runs until it stands still in the middle of a transaction; says so, and waits to be killed."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from jinba_mcp.core import retention
from jinba_mcp.core.retention import Retentions
from jinba_mcp.domain.ids import RunId
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.storage.runs import RunRepository
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW

WHOLE_BATCHES = 3
BATCH = 20

_remove = RunRepository.remove
_batches = 0


async def _remove_some(self: RunRepository, run_ids: Sequence[RunId]) -> int:
    global _batches  # noqa: PLW0603  one program, one count
    if _batches == WHOLE_BATCHES:
        print("half way", flush=True)  # noqa: T201  the parent reads it
        await asyncio.Event().wait()
    _batches += 1
    return await _remove(self, run_ids)


async def main(url: str) -> None:
    store = await Store.open(url)
    keeping = Keeping(max_age=timedelta(days=1))
    await Retentions(store, lambda: NOW + timedelta(days=2), keeping).sweep()


if __name__ == "__main__":
    retention.BATCH, retention.PAUSE_S = BATCH, 0
    RunRepository.remove = _remove_some  # type: ignore[method-assign]  # to stand still where it matters
    asyncio.run(main(sys.argv[1]))
