"""Full-text search over runs, on both databases: what is found, in which order, by which index, within which bounds."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.runs import Run, RunError, RunFilter, RunStatus
from jinba_mcp.storage import paging
from jinba_mcp.storage.store import Store
from tests.storage.records import a_run, moment

ORGANIZATION = OrganizationId("org_1")


def failed(at: float = 0, message: str = "no luck", **fields: Any) -> Run:
    run = a_run(at=moment(at), **fields)
    return run.finished(RunStatus.FAILED, at=moment(at + 1), error=RunError(name="ValueError", message=message))


async def filed(store: Store, *runs: Run) -> None:
    for run in runs:
        await store.journal.record(run)
    async with store.read() as tx:
        endings = await tx.runs.unfiled(1_000)
    await store.filing.file(endings, [])


async def page(store: Store, query: str, request: PageRequest | None = None, **wanted: Any) -> Page[Run]:
    async with store.read() as tx:
        return await tx.runs.page(ORGANIZATION, RunFilter(q=query, **wanted), request or PageRequest())


async def found(store: Store, query: str, **wanted: Any) -> list[Run]:
    return list((await page(store, query, **wanted)).items)


async def test_runs_are_found_by_tool_caller_and_error_newest_first(store: Store) -> None:
    old, new = failed(0, "no such city"), failed(9, "no such river", tool_slug="rivers", key_name="CI")
    await filed(store, old, new)
    assert await found(store, "no SUCH") == [new, old]
    assert await found(store, "city") == [old]
    assert await found(store, "rivers ci valueerror") == [new]
    assert await found(store, "text-tools/rivers") == [new]
    assert await found(store, "city river") == []
    assert await found(store, "nowhere") == []


async def test_another_organizations_runs_are_not_found(store: Store) -> None:
    await filed(store, failed(message="unique", organization_id="org_2"))
    assert await found(store, "unique") == []


async def test_words_and_filters_hold_together(store: Store) -> None:
    runs = [failed(n * 1_000, version=f"{n}.0.0", toolset_slug=f"t{n}") for n in range(4)]
    await filed(store, *runs, a_run(at=moment(9)).finished(RunStatus.SUCCESS, at=moment(10), output=1))
    assert await found(store, "luck", version="2.0.0") == [runs[2]]
    assert await found(store, "luck", toolset="t1") == [runs[1]]
    assert await found(store, "echo", status=RunStatus.SUCCESS) != []
    assert await found(store, "luck", since=moment(1_000), until=moment(3_000)) == [runs[2], runs[1]]


@pytest.mark.parametrize(
    "query",
    ['"', "a' OR '1'='1", "luck*", "NEAR(luck)", "luck; DROP TABLE run", "luck OR x", "-luck", "luck & !x", "%"],
)
async def test_nothing_in_a_query_has_a_meaning_of_its_own(store: Store, query: str) -> None:
    run = failed()
    await filed(store, run)
    plain = [word for word in ("or", "drop", "near", "x", "1") if word in query.casefold()]
    if not any(letter.isalnum() for letter in query):
        with pytest.raises(ValueError, match="words"):
            await found(store, query)
    else:
        assert await found(store, query) == ([] if plain else [run])


async def test_pages_follow_one_another_without_gap_or_double(store: Store) -> None:
    runs = [failed(n) for n in range(7)]
    await filed(store, *runs)
    seen: list[Run] = []
    after = None
    for _ in range(4):
        got = await page(store, "no luck", PageRequest(limit=2, after=after))
        seen += got.items
        after = got.next_cursor
    assert seen == runs[::-1]
    assert after is None


async def test_a_page_looks_at_so_many_runs_and_the_next_goes_on_from_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WINDOW", 3)
    rare = failed(0, "rare luck", version="9.9.9")
    await filed(store, rare, *(failed(n) for n in range(1, 8)))
    seen: list[Run] = []
    after, pages = None, 0
    while True:
        got = await page(store, "luck", PageRequest(limit=2, after=after), version="9.9.9")
        seen += got.items
        pages, after = pages + 1, got.next_cursor
        if after is None:
            break
    assert (seen, pages) == ([rare], 3)


async def test_filing_twice_and_removing_leave_no_trace(store: Store) -> None:
    run = failed()
    await filed(store, run)
    await filed(store, run)
    assert await found(store, "luck") == [run]
    async with store.begin() as tx:
        endings = await tx.runs.older(ORGANIZATION, moment(1_000), 10)
        await tx.words.remove(endings)
    assert await found(store, "luck") == []
    async with store.read() as tx:
        assert await tx.runs.find(ORGANIZATION, run.id) == run


async def test_words_of_a_run_that_is_no_more_find_nothing(store: Store) -> None:
    run = failed()
    await filed(store, run)
    async with store.begin() as tx:
        await tx.runs.remove([run.id])
    assert await found(store, "luck") == []


async def plans(store: Store, work: Callable[[], Any]) -> list[str]:
    """Each step of how SQLite answers the queries that `work` makes."""
    queries: list[Any] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        queries.append((statement, parameters))

    engine = store._database._readers.sync_engine  # type: ignore[attr-defined]  # SQLite's own
    event.listen(engine, "before_cursor_execute", remember)
    await work()
    event.remove(engine, "before_cursor_execute", remember)
    steps = []
    async with store._database.reading() as connection:
        for statement, parameters in queries:
            if statement.startswith("SELECT"):
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                steps += [row["detail"] for row in plan.mappings()]
    return steps


async def test_search_reads_its_index_in_order_and_scans_no_table(open_store: Any, sqlite_url: str) -> None:
    store: Store = await open_store(sqlite_url)
    await filed(store, failed())
    request = PageRequest(after="run_Z")
    steps = await plans(
        store, lambda: page(store, "no luck", request, since=moment(0), until=moment(9), status=RunStatus.FAILED)
    )
    tables = [step for step in steps if "run_word" in step or " run " in step]
    assert len(tables) >= 6
    assert all(step.startswith("SEARCH") for step in tables), tables
    inner = [
        step for step in tables if "run_word USING PRIMARY KEY (organization_id=? AND word=? AND run_id>? AND" in step
    ]
    assert inner, tables
