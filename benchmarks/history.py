"""A million runs: how long lists, search, statistics and retention take on a full database; ends by itself."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import filling
from filling import NOW, SPAN

from jinba_mcp.clock import system_clock
from jinba_mcp.core.filing import Filing
from jinba_mcp.core.history import History
from jinba_mcp.core.retention import BATCH
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller, operator
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter
from jinba_mcp.domain.tallies import By, StatisticsFilter
from jinba_mcp.storage.store import Store

TIMES = 7


def main() -> None:
    """Fill a database on each server that is named, and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--postgres", help="URL of an empty database to fill as well")
    parser.add_argument("--no-sqlite", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jinba-history-") as place:
        urls = [] if options.no_sqlite else [f"sqlite:///{Path(place) / 'jinba.db'}"]
        for url in [*urls, *([options.postgres] if options.postgres else [])]:
            asyncio.run(_measure(url, options.runs))


async def _measure(url: str, run_count: int) -> None:
    store = await Store.open(url)
    try:
        await store.upgrade()
        organization = Organization(id=ids.organization_id(NOW), slug="acme", name="Acme", created_at=NOW)
        async with store.begin() as tx:
            await tx.organizations.add(organization)
        started = time.perf_counter()
        await filling.fill_runs(url, organization.id, run_count)
        name = url.partition(":")[0]
        print(f"\n{name}: {run_count:,} runs, filled in {time.perf_counter() - started:.0f} s\n")
        print("| what | median ms | slowest ms | found |")
        print("|---|---:|---:|---:|")
        for what, work in _questions(store, organization, run_count):
            await _tell(what, work)
    finally:
        await store.close()


def _questions(
    store: Store, organization: Organization, run_count: int
) -> Iterator[tuple[str, Callable[[], Awaitable[int]]]]:
    history = History(store, system_clock, Filing(store, system_clock))
    caller = operator((organization.id, organization.slug))
    middle = NOW - SPAN / 2
    for filters in (
        {},
        {"status": "failed"},
        {"status": "cancelled"},
        {"toolset": "set7"},
        {"toolset": "set7", "tool": "tool17"},
        {"tool": "tool17"},
        {"version": "1.0.0"},
        {"source": "rest"},
        {"key_id": "key_42"},
        {"since": middle, "until": middle + timedelta(hours=1)},
        {"tool": "tool17", "status": "failed"},
        {"key_id": "key_20", "status": "success"},
        {"source": "rest", "status": "cancelled"},
        {"toolset": "set7", "version": "1.0.0", "until": middle},
        {"key_id": "key_42", "since": middle, "until": middle + timedelta(hours=1)},
        {"q": "agent"},
        {"q": "boom40"},
        {"q": "agent set7 tool17"},
        {"q": "tool17 key42"},
        {"q": "agent", "status": "cancelled"},
        {"q": "nowhere"},
    ):
        said = ", ".join(f"{name}={_said(value)}" for name, value in filters.items())
        yield f"list {said}".strip(), _listing(history, caller, RunFilter.model_validate(filters))
    day = timedelta(days=1)
    for what, wanted in {
        "statistics of a day by the hour": StatisticsFilter(by=By.HOUR),
        "statistics of 14 days by the hour, one tool": StatisticsFilter(since=NOW - 14 * day, tool="tool17"),
        "statistics of 60 days by the hour, one tool": StatisticsFilter(since=NOW - 60 * day, tool="tool17"),
        "statistics of 30 days by the day": StatisticsFilter(by=By.DAY),
        "statistics of 89 days by the day, one tool": StatisticsFilter(by=By.DAY, since=NOW - 89 * day, tool="tool17"),
    }.items():
        yield what, _counting(history, caller, wanted)
    yield f"the run that {run_count * 9 // 10:,} are newer than", _nth_newest(store, organization, run_count * 9 // 10)
    yield f"look for {BATCH} runs too old", _looking(store, organization, NOW - SPAN / 2)
    yield "look for runs too old when there are none", _looking(store, organization, NOW - 2 * SPAN)
    yield f"remove {BATCH} runs", _removing(store, organization)


def _said(value: Any) -> str:
    return "…" if isinstance(value, datetime) else str(value)


def _listing(history: History, caller: Caller, wanted: RunFilter) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        return len((await history.page(caller, "acme", wanted, PageRequest())).items)

    return work


def _counting(history: History, caller: Caller, wanted: StatisticsFilter) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        found = await history.statistics(caller, "acme", wanted)
        return sum(len(tool.points) for tool in found.tools)

    return work


def _nth_newest(store: Store, organization: Organization, n: int) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        async with store.read() as tx:
            return int(await tx.runs.nth_newest(organization.id, n) is not None)

    return work


def _looking(store: Store, organization: Organization, than: datetime) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        async with store.read() as tx:
            return len(await tx.runs.older(organization.id, than, BATCH))

    return work


def _removing(store: Store, organization: Organization) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        async with store.read() as tx:
            endings = await tx.runs.older(organization.id, NOW - SPAN / 2, BATCH)
        async with store.begin() as tx:
            await tx.words.remove(endings)
            await tx.runs.remove([each.id for each in endings])
        return len(endings)

    return work


async def _tell(what: str, work: Callable[[], Awaitable[int]]) -> None:
    taken_ms: list[float] = []
    found = 0
    for _ in range(TIMES):
        started = time.perf_counter()
        found = await work()
        taken_ms.append((time.perf_counter() - started) * 1000)
    print(f"| {what} | {statistics.median(taken_ms):,.1f} | {max(taken_ms):,.1f} | {found:,} |", flush=True)


if __name__ == "__main__":
    main()
