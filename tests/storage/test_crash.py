"""What is left of the journal after kill -9, on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import select

from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.runs import INTERRUPTED, RunStatus
from jinba_mcp.storage.runs import RunRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of
from tests.storage.records import moment

_PROMISES = 200


async def _promises_of_a_killed_process(url: str) -> list[str]:
    """What the child said before it was killed in the middle of its work."""
    command = [sys.executable, "-m", "tests.storage.crashing", url]
    lines: list[str] = []
    pending = b""
    async with await anyio.open_process(command, cwd=Path(__file__).parents[2], stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        async for chunk in process.stdout:
            *whole, pending = (pending + chunk).split(b"\n")
            lines += [line.decode() for line in whole]
            if len(lines) >= _PROMISES and process.returncode is None:
                process.kill()
        await process.wait()
    return lines


@pytest.mark.slow
async def test_after_kill_9_every_promised_run_is_there_and_whole(open_store: Any, database_url: str) -> None:
    with anyio.fail_after(150):
        promises = [line.split() for line in await _promises_of_a_killed_process(database_url)]
    started = {run_id for word, run_id in promises if word == "started"}
    finished = {run_id for word, run_id in promises if word == "finished"}
    assert len(promises) >= _PROMISES, promises

    store: Store = await open_store(database_url)
    assert await store.check() == []
    async with store.begin() as tx:
        await tx.runs.interrupt_unfinished(moment(0))
    async with store._database.reading() as connection:
        stored = set((await connection.execute(select(table_of(RunRow).c.id))).scalars())
    assert started <= stored

    async with store.read() as tx:
        for run_id in stored:
            run = await tx.runs.find(OrganizationId("org_1"), RunId(run_id))
            assert run is not None
            if run.succeeded:
                assert run.output == {"of": run.id}
            else:
                assert run.id not in finished
                assert (run.status, run.error, run.output) == (RunStatus.FAILED, INTERRUPTED, None)
