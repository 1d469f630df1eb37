"""Filing on both databases: a run is filed whole or not at all, and once, whoever does it and however it is ended."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, insert, select

from jinba_mcp.core.filing import Filing
from jinba_mcp.domain.deliveries import Delivery, owed
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunError, RunFilter, RunStatus
from jinba_mcp.domain.webhooks import EventName, Webhook, run_ended
from jinba_mcp.storage.failures import DRIVER_ERRORS
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import Row
from tests.storage.filing import BATCH, WHOLE_BATCHES
from tests.storage.records import NOW, a_run, moment
from tests.storage.test_words import ORGANIZATION

_RUNS = 100
HOOK = Webhook(
    id="wh_1", organization_id=ORGANIZATION, url="https://example.com/hook", events=tuple(EventName),
    sealed="sealed", created_at=NOW, updated_at=NOW,
)  # fmt: skip


def ended(at: float = 0, **fields: Any) -> Run:
    return a_run(at=moment(at), **fields).finished(RunStatus.SUCCESS, at=moment(at + 1), output=1)


async def waiting(store: Store) -> list[Ending]:
    async with store.read() as tx:
        return await tx.runs.unfiled(1_000)


async def recorded(store: Store, *runs: Run) -> list[Ending]:
    await asyncio.gather(*(store.journal.record(run) for run in runs))
    return await waiting(store)


async def counts(store: Store, *tables: str) -> tuple[int, ...]:
    async with store._database.reading() as connection:
        counted = [select(func.count()).select_from(Row.metadata.tables[name]) for name in tables]
        return tuple([(await connection.execute(each)).scalar_one() for each in counted])


async def tally(store: Store) -> int:
    async with store._database.reading() as connection:
        return int((await connection.exec_driver_sql("SELECT sum(run_count) FROM run_tally")).scalar_one() or 0)


def told(endings: Sequence[Ending]) -> list[Delivery]:
    return [owed(HOOK, run_ended(each)) for each in endings]


async def test_runs_are_taken_off_the_list_with_all_that_follows(store: Store) -> None:
    runs = [ended(n) for n in range(3)]
    endings = await recorded(store, *runs)
    assert [each.id for each in endings] == [run.id for run in runs]
    assert await store.filing.file(endings, told(endings))
    assert await counts(store, "run_ended", "delivery") == (0, 3)
    assert await tally(store) == 3
    async with store.read() as tx:
        page = await tx.runs.page(ORGANIZATION, RunFilter(q="echo"), PageRequest())
        deliveries = await tx.deliveries.page(HOOK.id, PageRequest())
    assert list(page.items) == runs[::-1]
    assert {each.event for each in deliveries.items} == {"tool.run.completed"}


async def test_nothing_is_filed_if_one_of_them_is_filed_already(store: Store) -> None:
    first, second, third = await recorded(store, ended(0), ended(1), ended(2))
    assert await store.filing.file([second], [])
    before = await counts(store, "run_word", "run_tally", "run_ended", "delivery")
    assert not await store.filing.file([first, second, third], told([first]))
    assert await counts(store, "run_word", "run_tally", "run_ended", "delivery") == before
    assert await waiting(store) == [first, third]
    assert await tally(store) == 1


async def test_nothing_is_left_of_a_run_that_was_removed_while_it_was_being_filed(store: Store) -> None:
    endings = await recorded(store, ended(organization_id="org_gone"))
    async with store.begin() as tx:
        while await tx.organizations.remove_loose(endings[0].organization_id):
            pass
    assert not await store.filing.file(endings, told(endings))
    assert await counts(store, "run", "run_ended", "run_word", "run_tally", "delivery") == (0, 0, 0, 0, 0)


async def test_of_several_that_file_the_same_at_once_one_does(store: Store, open_store: Any, database_url: str) -> None:
    others: list[Store] = [await open_store(database_url) for _ in range(2)]
    for n in range(5):
        endings = await recorded(store, *(ended(n * 10 + each) for each in range(5)))
        with anyio.fail_after(60):
            done = await asyncio.gather(*(each.filing.file(endings, []) for each in (store, *others)))
        assert sorted(done) == [False, False, True]
        assert await tally(store) == 5 * (n + 1)


async def test_the_journal_goes_on_while_runs_are_filed(store: Store) -> None:
    endings = await recorded(store, *(ended(n) for n in range(50)))
    with anyio.fail_after(60):
        batches = [store.filing.file(endings[n : n + 5], []) for n in range(0, 50, 5)]
        starts = [store.journal.start(a_run()) for _ in range(50)]
        assert all((await asyncio.gather(*batches, *starts))[: len(batches)])
    assert await counts(store, "run", "run_ended") == (100, 0)


async def test_a_run_that_ended_twice_is_found_once(store: Store) -> None:
    endings = await recorded(store, ended())
    assert await store.filing.file(endings, [])
    words = await counts(store, "run_word")
    async with store._database.writing() as connection:
        await connection.execute(insert(Row.metadata.tables["run_ended"]).values(run_id=endings[0].id))
        await connection.commit()
    assert await store.filing.file(endings, [])
    assert await counts(store, "run_word") == words


async def test_the_words_of_an_error_are_those_of_its_run_alone(store: Store) -> None:
    runs = [
        ended(n).model_copy(update={"status": RunStatus.FAILED, "error": RunError(name="E", message=f"city{n}")})
        for n in range(3)
    ]
    assert await store.filing.file(await recorded(store, *runs), [])
    async with store.read() as tx:
        for n, run in enumerate(runs):
            assert (await tx.runs.page(ORGANIZATION, RunFilter(q=f"city{n} echo"), PageRequest())).items == (run,)


async def test_any_other_fault_is_no_sign_of_somebody_else(store: Store) -> None:
    endings = await recorded(store, ended())
    twice = told(endings) * 2
    with pytest.raises(DRIVER_ERRORS):
        await store.filing.file(endings, twice)
    assert await waiting(store) == endings
    assert await counts(store, "run_word", "delivery") == (0, 0)


@pytest.mark.slow
async def test_kill_9_in_the_middle_of_filing_leaves_nothing_half_filed(store: Store, database_url: str) -> None:
    await recorded(store, *(ended(n) for n in range(_RUNS)))
    command = [sys.executable, "-m", "tests.storage.filing", database_url]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, cwd=Path(__file__).parents[2]) as process:
            assert process.stdout is not None
            assert (await process.stdout.receive()).startswith(b"half way")
            process.kill()
            await process.wait()
        assert len(await waiting(store)) == _RUNS - WHOLE_BATCHES * BATCH
        assert await tally(store) == WHOLE_BATCHES * BATCH
        # And whoever files next goes on from there.
        await Filing(store, lambda: NOW).catch_up()
    assert await waiting(store) == []
    assert await tally(store) == _RUNS
    words_each, remainder = divmod((await counts(store, "run_word"))[0], _RUNS)
    assert (words_each > 0, remainder) == (True, 0)
