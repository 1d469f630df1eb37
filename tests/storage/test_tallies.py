"""Tallies on both databases: each run counts once, by hour, tool, version and duration."""

from datetime import timedelta
from typing import Any

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.runs import Run, RunStatus
from jinba_mcp.domain.tallies import KEPT_FOR, By, TallyFilter, figures
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_run, moment
from tests.storage.test_words import plans

ORGANIZATION = OrganizationId("org_1")
WALLS = Isolation(provider="local", tier="pretended", level=Level.NONE)
ALL = TallyFilter(since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))


def ended(at: float = 0, took_s: float = 0.1, status: RunStatus = RunStatus.SUCCESS, **fields: Any) -> Run:
    run = a_run(at=moment(at), **fields)
    return run.finished(status, at=moment(at + took_s), isolation=WALLS)


async def counted(store: Store, *runs: Run) -> None:
    for run in runs:
        await store.journal.record(run)
    async with store.read() as tx:
        endings = await tx.runs.unfiled(1_000)
    assert await store.filing.file(endings, [])


async def test_runs_count_by_hour_and_by_day(store: Store) -> None:
    await counted(store, ended(0), ended(1, status=RunStatus.FAILED))
    await counted(store, ended(2, status=RunStatus.TIMEOUT), ended(3_600), ended(13 * 3_600))
    async with store.read() as tx:
        by_hour = await tx.tallies.of(ORGANIZATION, ALL, By.HOUR, [("text-tools", "echo")])
        by_day = await tx.tallies.of(ORGANIZATION, ALL, By.DAY, [("text-tools", "echo")])
    hours = {at: figures(some) for at, some in by_hour["text-tools", "echo"].items()}
    assert [(at, one.count, one.failed_count) for at, one in hours.items()] == [
        ("2026-03-01T12", 3, 2), ("2026-03-01T13", 1, 0), ("2026-03-02T01", 1, 0),
    ]  # fmt: skip
    days = {at: figures(some).count for at, some in by_day["text-tools", "echo"].items()}
    assert days == {"2026-03-01": 4, "2026-03-02": 1}


async def test_the_busiest_tool_comes_first_and_filters_hold(store: Store) -> None:
    rare = ended(tool_slug="rare", version="2.0.0")
    await counted(store, rare, ended(), ended(), ended(toolset_slug="other-tools", organization_id="org_2"))
    async with store.read() as tx:
        assert await tx.tallies.tools(ORGANIZATION, ALL) == [("text-tools", "echo"), ("text-tools", "rare")]
        for name, value in (("tool", "rare"), ("version", "2.0.0")):
            wanted = ALL.model_copy(update={name: value})
            assert await tx.tallies.tools(ORGANIZATION, wanted) == [("text-tools", "rare")]
        assert await tx.tallies.tools(ORGANIZATION, ALL.model_copy(update={"toolset": "other-tools"})) == []
        later = TallyFilter(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2))
        assert await tx.tallies.tools(ORGANIZATION, later) == []
        only_rare = await tx.tallies.of(ORGANIZATION, ALL, By.DAY, [("text-tools", "rare")])
        assert list(only_rare) == [("text-tools", "rare")]


async def test_sweeping_removes_what_no_statistics_reach(store: Store) -> None:
    await counted(store, ended(0), ended(3_600 * 2))
    async with store.begin() as tx:
        assert await tx.tallies.sweep(NOW + KEPT_FOR, 10) == 0
        assert await tx.tallies.sweep(NOW + KEPT_FOR + timedelta(hours=1), 10) == 1
        assert await tx.tallies.tools(ORGANIZATION, ALL) == [("text-tools", "echo")]


async def test_statistics_read_the_tallies_by_their_key_and_no_run(open_store: Any, sqlite_url: str) -> None:
    store: Store = await open_store(sqlite_url)
    await counted(store, ended())

    async def ask() -> None:
        async with store.read() as tx:
            tools = await tx.tallies.tools(ORGANIZATION, ALL)
            await tx.tallies.of(ORGANIZATION, ALL, By.HOUR, tools)

    steps = [step for step in await plans(store, ask) if "run" in step]
    assert len(steps) == 2
    for step in steps:
        assert step.startswith("SEARCH run_tally USING PRIMARY KEY (organization_id=? AND hour>? AND hour<?")
