"""Runs as they are read, on both databases, and the closing of those that a crash left."""

from typing import Any

import pytest
from sqlalchemy import event, text

from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.pages import MAX_LIMIT, PageRequest
from jinba_mcp.domain.records import UtcDateTime
from jinba_mcp.domain.runs import INTERRUPTED, Run, RunError, RunFilter, RunLogs, RunSource, RunStatus
from jinba_mcp.storage import paging
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_run, moment

ORGANIZATION = OrganizationId("org_1")


async def recorded(store: Store, *runs: Run) -> None:
    for run in runs:
        await store.journal.record(run)


async def filed(store: Store) -> list[str]:
    async with store.read() as tx:
        endings = await tx.runs.unfiled(10)
    assert await store.filing.file(endings, [])
    return [each.id for each in endings]


async def found(store: Store, wanted: RunFilter, request: PageRequest | None = None) -> list[Run]:
    async with store.read() as tx:
        return list((await tx.runs.page(ORGANIZATION, wanted, request or PageRequest())).items)


async def test_a_run_comes_back_as_it_was_recorded(store: Store) -> None:
    finished = a_run().finished(
        RunStatus.FAILED,
        at=moment(1),
        error=RunError(name="ValueError", message="no", traceback="line 1"),
        logs=RunLogs(stdout=("a", "b"), stderr=("\x00",)),
    )
    rich = a_run().finished(RunStatus.SUCCESS, at=moment(2), output=[1, None], content=({"type": "text"},))
    await recorded(store, finished, rich)

    async with store.read() as tx:
        assert await tx.runs.find(ORGANIZATION, finished.id) == finished
        assert await tx.runs.find(ORGANIZATION, rich.id) == rich
        assert await tx.runs.find(ORGANIZATION, RunId("run_none")) is None


async def test_a_run_is_found_in_its_own_organization_only(store: Store) -> None:
    run = a_run("org_1")
    await recorded(store, run)

    async with store.read() as tx:
        assert await tx.runs.find(OrganizationId("org_2"), run.id) is None
        assert (await tx.runs.page(OrganizationId("org_2"), RunFilter(), PageRequest())).items == ()


async def test_runs_are_listed_newest_first_in_pages_that_new_runs_do_not_shift(store: Store) -> None:
    runs = [a_run(at=moment(n)) for n in range(5)]
    await recorded(store, *runs)

    async with store.read() as tx:
        first = await tx.runs.page(ORGANIZATION, RunFilter(), PageRequest(limit=2))
    await recorded(store, a_run(at=moment(9)))
    async with store.read() as tx:
        second = await tx.runs.page(ORGANIZATION, RunFilter(), PageRequest(limit=2, after=first.next_cursor))
        third = await tx.runs.page(ORGANIZATION, RunFilter(), PageRequest(limit=2, after=second.next_cursor))

    assert list(first.items + second.items + third.items) == runs[::-1]
    assert third.next_cursor is None


@pytest.mark.parametrize("limit", [-1, 0, 10**30])
async def test_no_page_is_empty_or_endless_by_its_limit(store: Store, limit: int) -> None:
    await recorded(store, a_run())

    assert len(await found(store, RunFilter(), PageRequest(limit=limit))) == 1
    assert MAX_LIMIT < 10**30


DIFFERENT: dict[str, Any] = {
    "status": RunStatus.FAILED,
    "toolset_slug": "data-tools",
    "tool_slug": "convert",
    "version": "2.0.0",
    "source": RunSource.MCP,
    "key_id": "key_other",
}
FILTERS = [
    RunFilter(status=RunStatus.FAILED),
    RunFilter(toolset="data-tools"),
    RunFilter(tool="convert"),
    RunFilter(version="2.0.0"),
    RunFilter(source=RunSource.MCP),
    RunFilter(key_id="key_other"),
    RunFilter(toolset="data-tools", tool="convert"),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: "+".join(wanted.model_dump(exclude_none=True)))
async def test_a_filter_shows_what_it_names_and_nothing_else(store: Store, wanted: RunFilter) -> None:
    names = {"toolset": "toolset_slug", "tool": "tool_slug"}
    fields = [names.get(name, name) for name in wanted.model_dump(exclude_none=True)]
    fitting = [a_run(at=moment(n), **{field: DIFFERENT[field] for field in fields}) for n in range(2)]
    await recorded(store, a_run(), *fitting, a_run("org_2", **{field: DIFFERENT[field] for field in fields}))

    assert await found(store, wanted) == fitting[::-1]


async def test_since_is_included_and_until_is_not(store: Store) -> None:
    runs = [a_run(at=moment(n * 60)) for n in range(4)]
    await recorded(store, *runs)

    assert await found(store, RunFilter(since=moment(60), until=moment(180))) == [runs[2], runs[1]]
    assert await found(store, RunFilter(since=moment(181))) == []


@pytest.mark.parametrize("year", [1, 1969, 9999])
async def test_times_far_away_are_bounds_like_any_other(store: Store, year: int) -> None:
    run = a_run()
    await recorded(store, run)
    far: UtcDateTime = NOW.replace(year=year)

    assert await found(store, RunFilter(since=far)) == ([run] if far < NOW else [])
    assert await found(store, RunFilter(until=far)) == ([] if far < NOW else [run])


@pytest.mark.parametrize("wanted", [RunFilter(), *FILTERS, RunFilter(since=NOW), RunFilter(until=NOW)], ids=str)
async def test_every_filter_is_answered_in_order_by_an_index(
    open_store: Any, sqlite_url: str, wanted: RunFilter
) -> None:
    store: Store = await open_store(sqlite_url)
    queries: list[Any] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        queries.append((statement, parameters))

    engine = store._database._readers.sync_engine  # type: ignore[attr-defined]  # SQLite's own
    event.listen(engine, "before_cursor_execute", remember)
    await found(store, wanted, PageRequest(after="run_Z"))
    event.remove(engine, "before_cursor_execute", remember)

    statement, parameters = queries[-1]
    async with store._database.reading() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row["detail"] for row in plan.mappings()]
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH run USING INDEX ix_run_")


async def test_unfinished_runs_are_found_among_all_others_by_their_index(open_store: Any, sqlite_url: str) -> None:
    store: Store = await open_store(sqlite_url)
    queries: list[Any] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        queries.append((statement, parameters))

    engines = [store._database._readers.sync_engine, store._database._writer.sync_engine]  # type: ignore[attr-defined]  # SQLite's own
    for engine in engines:
        event.listen(engine, "before_cursor_execute", remember)
    async with store.read() as tx:
        await tx.runs.called_off()
    async with store.begin() as tx:
        await tx.runs.interrupt_unfinished(NOW)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", remember)

    asked = [(statement, parameters) for statement, parameters in queries if "FROM run " in f"{statement} "]
    assert len(asked) == 2
    async with store._database.reading() as connection:
        for statement, parameters in asked:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row["detail"] for row in plan.mappings()]
            assert "ix_run_unfinished" in steps[0], statement


async def test_unfinished_runs_of_living_processes_are_left_alone(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    await store.journal.start(a_run())
    await other.journal.start(a_run())

    async with store.begin() as tx:
        assert await tx.runs.interrupt_unfinished(moment(10_000)) == 0


async def test_runs_of_a_process_that_is_gone_are_closed_as_interrupted(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    running, pending, mine = a_run(), a_run(status=RunStatus.PENDING, started_at=None), a_run()
    done = a_run().finished(RunStatus.SUCCESS, at=moment(1), output=1)
    await other.journal.start(running)
    await other.journal.start(pending)
    await other.journal.record(done)
    await store.journal.start(mine)
    async with store._database.writing() as connection:
        dead = text("UPDATE process SET pid_started = 'earlier' WHERE id = :id")
        await connection.execute(dead, {"id": other._me.id})
        await connection.commit()

    async with store.begin() as tx:
        assert await tx.runs.interrupt_unfinished(moment(60)) == 2
        assert await tx.runs.interrupt_unfinished(moment(61)) == 0

    closed = {"status": RunStatus.FAILED, "error": INTERRUPTED, "finished_at": moment(60)}
    async with store.read() as tx:
        for run in (running, pending):
            assert await tx.runs.find(ORGANIZATION, run.id) == run.model_copy(update=closed)
        assert await tx.runs.find(ORGANIZATION, done.id) == done
        assert await tx.runs.find(ORGANIZATION, mine.id) == mine


async def test_a_run_that_was_closed_by_mistake_has_ended_whatever_its_owner_says_then(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    run = a_run()
    await other.journal.start(run)
    async with store.begin() as tx:
        await tx.processes.forget([other._me.id])
        assert await tx.runs.interrupt_unfinished(moment(60)) == 1
    assert await filed(store) == [run.id]

    await other.journal.finish(run.finished(RunStatus.SUCCESS, at=moment(90), output="done"))
    async with store.read() as tx:
        found = await tx.runs.find(ORGANIZATION, run.id)
        assert found is not None
        assert (found.status, found.error, found.finished_at) == (RunStatus.FAILED, INTERRUPTED, moment(60))
        assert await tx.runs.unfiled(10) == []


async def test_a_run_can_be_started_with_more_in_one_transaction_and_is_its_process_own(
    store: Store, open_store: Any, database_url: str
) -> None:
    run = a_run()
    async with store.begin() as tx:
        await tx.runs.start(run)
    other: Store = await open_store(database_url)
    async with other.begin() as tx:
        assert await tx.runs.interrupt_unfinished(moment(10_000)) == 0
        assert await tx.runs.find(ORGANIZATION, run.id) == run
    finished = run.finished(RunStatus.SUCCESS, at=moment(1), output=1)
    await store.journal.finish(finished)
    async with other.read() as tx:
        assert await tx.runs.find(ORGANIZATION, run.id) == finished


async def test_only_the_process_of_a_run_is_told_to_cancel_it_and_only_while_it_runs(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    run, untouched = a_run(), a_run()
    await store.journal.start(run)
    await store.journal.start(untouched)
    async with other.begin() as tx:
        assert await tx.runs.request_cancelling(run.id, moment(1))
        assert not await tx.runs.request_cancelling(run.id, moment(2))
        assert await tx.runs.called_off() == []
    async with store.read() as tx:
        assert await tx.runs.called_off() == [run.id]
    await store.journal.finish(run.finished(RunStatus.CANCELLED, at=moment(3)))
    async with store.begin() as tx:
        assert await tx.runs.called_off() == []
        assert not await tx.runs.request_cancelling(run.id, moment(4))


async def test_runs_by_several_columns_come_in_pages_that_each_look_at_so_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WINDOW", 3)
    runs = [
        a_run(at=moment(n * 100), status=RunStatus.FAILED if n % 4 == 0 else RunStatus.SUCCESS, key_id=f"key_{n % 2}")
        for n in range(16)
    ]
    other = a_run("org_2", at=moment(0), status=RunStatus.FAILED, key_id="key_0")
    await recorded(store, *runs, other)
    for wanted, fitting in (
        (RunFilter(status=RunStatus.FAILED, key_id="key_0"), runs[::4]),
        (RunFilter(status=RunStatus.SUCCESS, key_id="key_0"), runs[2::4]),
        (RunFilter(status=RunStatus.FAILED, key_id="key_1"), []),
        (RunFilter(status=RunStatus.FAILED, key_id="key_0", since=moment(500), until=moment(1_200)), [runs[8]]),
        (RunFilter(status=RunStatus.FAILED, toolset="text-tools", tool="echo", source=RunSource.REST), runs[::4]),
        (RunFilter(status=RunStatus.CANCELLED, version="1.0.0"), []),
    ):
        seen: list[Run] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            async with store.read() as tx:
                page = await tx.runs.page(ORGANIZATION, wanted, PageRequest(limit=2, after=after))
            assert len(page.items) <= 2
            seen += page.items
            after, pages = page.next_cursor, pages + 1
            assert pages < 10
        assert seen == fitting[::-1]


async def test_each_run_that_ends_waits_to_be_filed_however_it_ended(
    store: Store, open_store: Any, database_url: str
) -> None:
    other: Store = await open_store(database_url)
    finished, refused, lost, running = a_run(), a_run(status=RunStatus.FAILED), a_run(), a_run()
    await store.journal.start(finished)
    await store.journal.start(running)
    await other.journal.start(lost)
    await store.journal.finish(finished.finished(RunStatus.SUCCESS, at=moment(1)))
    await store.journal.record(refused)
    async with store.begin() as tx:
        await tx.processes.forget([other._me.id])
        await tx.runs.interrupt_unfinished(moment(2))
    async with store.begin() as tx:
        assert len(await tx.runs.unfiled(2)) == 2
    assert set(await filed(store)) == {finished.id, refused.id, lost.id}
    assert await filed(store) == []


async def test_the_oldest_are_told_apart_by_age_and_by_number(store: Store) -> None:
    runs = [a_run(at=moment(n * 100), status=RunStatus.SUCCESS) for n in range(5)]
    await recorded(store, *runs, a_run("org_2", at=moment(0), status=RunStatus.SUCCESS))
    await store.journal.start(a_run(at=moment(-100)))
    async with store.read() as tx:
        assert await tx.runs.older(ORGANIZATION, moment(200), 10) == []
    await filed(store)
    async with store.begin() as tx:
        old = await tx.runs.older(ORGANIZATION, moment(200), 10)
        assert [each.id for each in old] == [run.id for run in runs[:2]]
        assert await tx.runs.nth_newest(ORGANIZATION, 2) == runs[2].id
        assert await tx.runs.nth_newest(ORGANIZATION, 6) is None
        beyond = await tx.runs.up_to(ORGANIZATION, runs[2].id, 2)
        assert [each.id for each in beyond] == [run.id for run in runs[:2]]
        assert await tx.runs.next_organization(None) == "org_1"
        assert await tx.runs.next_organization(ORGANIZATION) == "org_2"
        assert await tx.runs.next_organization(OrganizationId("org_2")) is None
        await tx.runs.remove([run.id for run in runs])
    assert [run.status for run in await found(store, RunFilter())] == [RunStatus.RUNNING]


async def test_a_run_that_is_deleted_before_it_is_filed_is_in_nobodys_way(store: Store) -> None:
    gone, there = a_run(status=RunStatus.SUCCESS), a_run(status=RunStatus.SUCCESS)
    await recorded(store, gone, there)
    async with store.begin() as tx:
        await tx.runs.remove([gone.id])
        assert [each.id for each in await tx.runs.unfiled(1)] == [there.id]
        await tx.runs.forget_unfilable()
    assert await filed(store) == [there.id]
