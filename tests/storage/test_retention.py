"""What organizations say of retention, and what is left when the process that removes runs is killed."""

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select

from jinba_mcp.core.filing import Filing
from jinba_mcp.core.retention import Retentions
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.retention import Retention
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.storage.runs import RunRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of
from jinba_mcp.storage.words import WordRow
from tests.storage.records import NOW, a_run, stored_organization
from tests.storage.sweeping import BATCH, WHOLE_BATCHES

_RUNS = 100


async def test_each_organization_has_said_what_it_said_last(store: Store) -> None:
    acme, other = await stored_organization(store), await stored_organization(store, "other")
    for wanted in (Retention(days=7, count=10), Retention(days=1)):
        async with store.begin() as tx:
            await tx.retention.save(acme.id, wanted)
    async with store.read() as tx:
        assert await tx.retention.find(acme.id) == Retention(days=1)
        assert await tx.retention.find(other.id) == Retention()


async def test_what_it_said_goes_with_the_organization(store: Store) -> None:
    acme = await stored_organization(store)
    async with store.begin() as tx:
        await tx.retention.save(acme.id, Retention(days=7))
    async with store.begin() as tx:
        await tx.organizations.remove(acme, NOW)
    async with store.read() as tx:
        assert await tx.retention.find(acme.id) == Retention()


async def _filled(store: Store) -> OrganizationId:
    acme = await stored_organization(store)
    async with anyio.create_task_group() as tasks:
        for _ in range(_RUNS):
            tasks.start_soon(store.journal.record, a_run(acme.id).finished(RunStatus.SUCCESS, at=NOW))
    filing = Filing(store, lambda: NOW)
    while await filing.file():
        pass
    return acme.id


async def _left(store: Store) -> tuple[set[str], set[str]]:
    """The ids of runs, and of the runs that words lead to."""
    async with store._database.reading() as connection:
        runs = set((await connection.execute(select(table_of(RunRow).c.id))).scalars())
        found = set((await connection.execute(select(table_of(WordRow).c.run_id))).scalars())
    return runs, found


@pytest.mark.slow
async def test_kill_9_in_the_middle_of_a_sweep_leaves_nothing_half_gone(
    open_store: Callable[[str], Awaitable[Store]], database_url: str
) -> None:
    store = await open_store(database_url)
    organization_id = await _filled(store)
    before, found = await _left(store)
    assert before == found
    assert len(before) == _RUNS
    command = [sys.executable, "-m", "tests.storage.sweeping", database_url]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, cwd=Path(__file__).parents[2]) as process:
            assert process.stdout is not None
            assert (await process.stdout.receive()).startswith(b"half way")
            process.kill()
            await process.wait()
        runs, found = await _left(store)
    assert len(runs) == _RUNS - WHOLE_BATCHES * BATCH
    assert runs == found
    async with store.read() as tx:
        entries = await tx.audit.following(organization_id, 0, 1_000)
    told = [entry.before["count"] for entry in entries if entry.action == "run.expired" and entry.before is not None]
    assert told == [BATCH] * WHOLE_BATCHES
    # And whoever sweeps next goes on from there.
    await Retentions(store, lambda: NOW + timedelta(days=2), Keeping(max_age=timedelta(days=1))).sweep()
    assert await _left(store) == (set(), set())
