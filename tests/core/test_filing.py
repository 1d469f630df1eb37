"""Filing: every run that ends is found and counted, once, whoever files it and however it ended."""

import json
from collections.abc import Sequence

import anyio
import pytest

from jinba_mcp.core import filing
from jinba_mcp.domain.deliveries import Delivery
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.errors import ArgumentsInvalid
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunFilter
from jinba_mcp.domain.tallies import By, StatisticsFilter
from jinba_mcp.storage.database import Write
from tests.core.conftest import OpenCore
from tests.worlds import World


async def total(world: World) -> int:
    statistics = await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=By.DAY))
    return sum(tool.count for tool in statistics.tools)


async def found(world: World, query: str) -> list[Run]:
    page = await world.core.history.page(world.operator, "default", RunFilter(q=query), PageRequest())
    return list(page.items)


async def test_a_run_is_found_and_counted_as_soon_as_it_has_ended(world: World) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Al")
    assert await found(world, "greet") == [run]
    assert await total(world) == 1


async def test_a_refused_call_is_found_by_what_was_wrong(world: World) -> None:
    await world.publish()
    with pytest.raises(ArgumentsInvalid):
        await world.call(world.operator, name=3)
    assert [run.status for run in await found(world, "argumentsinvalid name type")] == ["failed"]
    assert await total(world) == 1


async def test_filing_is_done_once_by_however_many_processes(world: World, open_core: OpenCore) -> None:
    await world.publish()
    for _ in range(20):
        await world.call(world.operator, name="Al")
    other = await open_core()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for core in (world.core, other) * 3:
                tasks.start_soon(core.filing.file)
    assert await total(world) == 20
    assert not await world.core.filing.file()


async def test_a_batch_that_is_full_says_that_there_may_be_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "AT_ONCE", 2)
    await world.publish()
    for _ in range(3):
        await world.call(world.operator, name="Al")
    assert [await world.core.filing.file() for _ in range(3)] == [True, False, False]


async def test_a_reader_is_not_made_to_file_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "AT_ONCE", 1)
    monkeypatch.setattr(filing, "_ROUNDS", 2)
    await world.publish()
    for _ in range(3):
        await world.call(world.operator, name="Al")
    assert [len(await found(world, "greet")) for _ in range(2)] == [2, 3]


async def test_what_has_waited_for_too_long_is_late_and_what_is_filed_is_not(world: World) -> None:
    await world.publish()
    await world.call(world.operator, name="Al")
    world.clock.advance(seconds=filing.LATE.total_seconds() + 1)
    await world.call(world.operator, name="Al")
    await world.core.filing.file()
    assert world.core.filing.lateness == 1
    await world.call(world.operator, name="Al")
    world.clock.advance(seconds=filing.LATE.total_seconds() / 4)
    await world.core.filing.file()
    assert world.core.filing.lateness == 0.25
    await world.core.filing.file()
    assert world.core.filing.lateness == 0


async def test_small_transactions_make_up_one_filing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "BATCH", 2)
    await world.publish()
    sizes: list[int] = []
    write_batch = world.store._database.write_batch

    async def counted(writes: Sequence[Write]) -> None:
        sizes.extend(len(json.loads(write.rows[0][0])) for write in writes if write.sql.startswith("DELETE"))
        await write_batch(writes)

    for _ in range(5):
        await world.call(world.operator, name="Al")
    monkeypatch.setattr(world.store._database, "write_batch", counted)
    assert not await world.core.filing.file()
    assert sizes == [2, 2, 1]
    assert await total(world) == 5


async def test_who_finds_another_process_before_him_looks_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.publish()
    first = await world.call(world.operator, name="Al")
    file = world.store.filing.file

    async def forestalled(endings: Sequence[Ending], owed: Sequence[Delivery]) -> bool:
        monkeypatch.undo()
        assert await file(endings, owed)
        world.clock.advance(seconds=1)
        second.append(await world.call(world.operator, name="Bo"))
        return await file(endings, owed)

    second: list[Run] = []
    monkeypatch.setattr(world.store.filing, "file", forestalled)
    assert await found(world, "greet") == [*second, first]
    assert await total(world) == 2


async def test_of_two_processes_that_file_what_is_late_one_leaves_it_to_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish()
    await world.call(world.operator, name="Al")
    world.clock.advance(seconds=filing.LATE.total_seconds() + 1)

    async def forestalled(_endings: Sequence[Ending], _owed: Sequence[Delivery]) -> bool:
        return False

    monkeypatch.setattr(world.store.filing, "file", forestalled)
    assert await world.core.filing.file()
    assert world.core.filing.lateness == 0
