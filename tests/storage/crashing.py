"""A program that journals runs until it is killed; says on standard output what it was promised."""

import asyncio
import sys
from datetime import UTC, datetime

from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.storage.store import Store
from tests.storage.records import a_run


async def journal_for_ever(store: Store) -> None:
    while True:
        now = datetime.now(UTC)
        run = a_run(at=now)
        await store.journal.start(run)
        print("started", run.id, flush=True)  # noqa: T201  the parent reads it
        await store.journal.finish(run.finished(RunStatus.SUCCESS, at=now, output={"of": run.id}))
        print("finished", run.id, flush=True)  # noqa: T201  its test reads it


async def main(url: str) -> None:
    store = await Store.open(url)
    await asyncio.gather(*(journal_for_ever(store) for _ in range(8)))


asyncio.run(main(sys.argv[1]))
