"""The run journal on both databases: shared commits, order, poison, cancellation, limits, and its own end."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.errors import Invalid, LimitExceeded, ShuttingDown, Unavailable
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.runs import Run, RunStatus
from jinba_mcp.storage.database import Write
from jinba_mcp.storage.journal import RunJournal
from jinba_mcp.storage.processes import this_process
from jinba_mcp.storage.store import Store
from tests.storage.records import a_run, moment

ORGANIZATION = OrganizationId("org_1")


async def stored(store: Store, run: Run) -> Run | None:
    async with store.read() as tx:
        return await tx.runs.find(ORGANIZATION, run.id)


def counted_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of runs started or ended in each transaction that the journal commits from now on."""
    sizes: list[int] = []
    write_batch = store._database.write_batch

    async def counted(writes: Sequence[Write]) -> None:
        await write_batch(writes)
        sizes.append(sum(len(write.rows) for write in writes if not write.sql.startswith("INSERT INTO run_ended")))

    monkeypatch.setattr(store._database, "write_batch", counted)
    return sizes


async def test_a_started_run_is_seen_by_others_as_soon_as_start_returns(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    run = a_run()
    with anyio.fail_after(60):
        await store.journal.start(run)
        assert await stored(other, run) == run

        finished = run.finished(RunStatus.SUCCESS, at=moment(1), output={"a": [1]})
        await store.journal.finish(finished)
        assert await stored(other, run) == finished


async def test_calls_in_flight_share_commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.journal.start(a_run())
    sizes = counted_batches(store, monkeypatch)
    runs = [a_run(at=moment(n)) for n in range(100)]
    with anyio.fail_after(60):
        await asyncio.gather(*(store.journal.start(run) for run in runs))
        assert sum(sizes) == 100
        assert len(sizes) <= 3

        ends = [run.finished(RunStatus.SUCCESS, at=moment(200), output=1) for run in runs]
        await asyncio.gather(*(store.journal.finish(run) for run in ends))
    assert sum(sizes) == 200
    assert len(sizes) <= 6
    for run in ends:
        assert await stored(store, run) == run


async def test_a_lone_call_waits_for_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.journal.start(a_run())
    sizes = counted_batches(store, monkeypatch)
    with anyio.fail_after(60):
        for _ in range(3):
            await store.journal.start(a_run())
    assert sizes == [1, 1, 1]


async def test_a_large_backlog_is_written_in_several_transactions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = counted_batches(store, monkeypatch)
    with anyio.fail_after(60):
        await asyncio.gather(*(store.journal.start(a_run()) for _ in range(600)))
    assert len(sizes) == 2


async def test_a_finish_never_overtakes_its_start(store: Store) -> None:
    run = a_run()
    finished = run.finished(RunStatus.CANCELLED, at=moment(1))
    with anyio.fail_after(60):
        await asyncio.gather(store.journal.start(run), store.journal.finish(finished))
    assert await stored(store, run) == finished


async def test_an_end_without_a_start_leaves_nothing(store: Store) -> None:
    await store.journal.finish(a_run().finished(RunStatus.FAILED, at=moment(1)))
    async with store._database.reading() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM run_ended")).scalar() == 0


async def test_a_poisonous_run_fails_alone(store: Store) -> None:
    before, after = a_run(), a_run()
    poisonous = a_run(client="half a pair: \ud800")
    with anyio.fail_after(60):
        results = await asyncio.gather(
            *(store.journal.start(run) for run in (before, poisonous, after)), return_exceptions=True
        )

    assert [type(result) for result in results] == [type(None), Invalid, type(None)]
    assert await stored(store, before) == before
    assert await stored(store, poisonous) is None
    assert await stored(store, after) == after


async def test_a_value_that_json_does_not_have_fails_alone(store: Store) -> None:
    before, poisonous, after = a_run(), a_run(input={"x": float("nan")}), a_run()
    with anyio.fail_after(60):
        results = await asyncio.gather(
            *(store.journal.start(run) for run in (before, poisonous, after)), return_exceptions=True
        )

    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert await stored(store, poisonous) is None
    assert await stored(store, after) == after


async def test_a_caller_that_goes_away_does_not_take_its_run_along(store: Store) -> None:
    gone, stays = a_run(), a_run()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.journal.start, gone)
            await asyncio.sleep(0)
            tasks.cancel_scope.cancel()
        await store.journal.start(stays)
    assert await stored(store, gone) == gone
    assert await stored(store, stays) == stays


async def test_a_run_that_never_began_is_one_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = counted_batches(store, monkeypatch)
    refused = a_run(started_at=None, status=RunStatus.FAILED, finished_at=moment(0))
    await store.journal.record(refused)
    assert await stored(store, refused) == refused
    assert len(sizes) == 1


async def test_a_run_that_is_over_before_its_start_is_written_is_written_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.journal.start(a_run())
    sizes = counted_batches(store, monkeypatch)
    run = a_run()
    finished = run.finished(RunStatus.SUCCESS, at=moment(1), output={"a": 1})
    with anyio.fail_after(60):
        await store.journal.finish(finished, store.journal.begin(run))
    assert await stored(store, run) == finished
    assert sizes == [1]
    async with store.read() as tx:
        assert [each.id for each in await tx.runs.unfiled(10)] == [run.id]


async def test_a_run_whose_start_is_being_written_ends_after_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.storage.journal._LEISURE_S", 0.0)
    await store.journal.start(a_run())
    sizes = counted_batches(store, monkeypatch)
    run = a_run()
    finished = run.finished(RunStatus.SUCCESS, at=moment(1), output={"a": 1})
    with anyio.fail_after(60):
        entry = store.journal.begin(run)
        for _ in range(10):
            await asyncio.sleep(0)
        assert entry.is_taken
        await store.journal.finish(finished, entry)
    assert await stored(store, run) == finished
    assert len(sizes) == 2


async def test_runs_that_begin_at_once_are_on_record_soon_if_they_do_not_end(store: Store) -> None:
    runs = [a_run() for _ in range(3)]
    with anyio.fail_after(60):
        entries = [store.journal.begin(run) for run in runs]
        assert not any(entry.done.done() for entry in entries)
        await asyncio.gather(*(entry.done for entry in entries))
    assert [await stored(store, run) for run in runs] == runs


async def test_where_many_run_a_batch_waits_for_those_that_are_over_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.storage.journal._GATHER_S", 0.3)
    monkeypatch.setattr("jinba_mcp.storage.journal._LEISURE_S", 60.0)
    await store.journal.start(a_run())
    sizes = counted_batches(store, monkeypatch)
    runs = [a_run() for _ in range(6)]
    entries = [store.journal.begin(run) for run in runs]

    async def end(number: int) -> None:
        ended = runs[number].finished(RunStatus.SUCCESS, at=moment(1))
        await store.journal.finish(ended, entries[number])

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(2):
                tasks.start_soon(end, number)
                for _ in range(10):
                    await asyncio.sleep(0)
        for number in range(2, 6):
            await end(number)
    assert sizes == [2, 1, 1, 1, 1]


async def test_closing_writes_runs_that_began_at_once(store: Store) -> None:
    journal = RunJournal(store._database, this_process())
    run = a_run()
    entry = journal.begin(run)
    with anyio.fail_after(60):
        await journal.close()
    assert entry.done.done()
    assert await stored(store, run) == run


async def test_whoever_ends_a_run_hears_that_its_start_could_not_be_written(store: Store) -> None:
    run = a_run(client="half a pair: \ud800")
    with anyio.fail_after(60):
        entry = store.journal.begin(run)
        await asyncio.wait([entry.done])
        with pytest.raises(Invalid):
            await store.journal.finish(run.finished(RunStatus.SUCCESS, at=moment(1)), entry)
    assert await stored(store, run) is None


async def test_writing_the_same_run_twice_is_harmless(store: Store) -> None:
    run = a_run()
    await store.journal.start(run)
    await store.journal.start(run)
    assert await stored(store, run) == run


async def test_a_full_queue_refuses_new_runs_but_no_ends(store: Store) -> None:
    journal = RunJournal(store._database, this_process(), max_queued=2)
    started = a_run()
    await store.journal.start(started)
    end = started.finished(RunStatus.SUCCESS, at=moment(1))
    with anyio.fail_after(60):
        results = await asyncio.gather(
            *(journal.start(a_run()) for _ in range(4)), journal.finish(end), return_exceptions=True
        )
        await journal.close()
    assert [type(result) for result in results] == [type(None)] * 2 + [LimitExceeded] * 2 + [type(None)]
    assert await stored(store, started) == end


async def test_closing_writes_what_is_queued_and_refuses_what_comes_later(store: Store) -> None:
    runs = [a_run() for _ in range(20)]
    with anyio.fail_after(60):
        starts = [asyncio.create_task(store.journal.start(run)) for run in runs]
        await asyncio.sleep(0)
        await store.journal.close()
        await asyncio.gather(*starts)
        with pytest.raises(ShuttingDown):
            await store.journal.start(a_run())
    for run in runs:
        assert await stored(store, run) == run


async def test_a_journal_that_has_stopped_says_so_instead_of_hanging(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def defective(_writes: Sequence[Write]) -> None:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(store._database, "write_batch", defective)
    with anyio.fail_after(60), caplog.at_level(logging.ERROR):
        results = await asyncio.gather(*(store.journal.start(a_run()) for _ in range(3)), return_exceptions=True)
        with pytest.raises(Unavailable, match="Restart"):
            await store.journal.start(a_run())

    assert [type(result) for result in results] == [Unavailable] * 3
    assert "The run journal has stopped" in caplog.text


async def test_a_database_that_is_gone_fails_the_batch_and_not_the_journal(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_writes: Sequence[Write]) -> None:
        raise Unavailable("no answer")

    with monkeypatch.context() as patched, anyio.fail_after(60):
        patched.setattr(store._database, "write_batch", gone)
        results = await asyncio.gather(*(store.journal.start(a_run()) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3

    run = a_run()
    await store.journal.start(run)
    assert await stored(store, run) == run
