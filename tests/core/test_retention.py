"""Retention: what is too old or too many goes, with all that was kept of it; the rest stays."""

from datetime import timedelta

import anyio
import pytest

from jinba_mcp.core import retention
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.errors import FieldsInvalid, NarrowingExceeded, ScopeMissing
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.retention import Retention
from jinba_mcp.domain.runs import RunFilter, RunSource
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tallies import By, StatisticsFilter
from tests.core.conftest import OpenCore
from tests.core.test_runs import WAITING, begun, gate
from tests.worlds import World


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "PAUSE_S", 0)


async def called(world: World, times: int) -> list[str]:
    ids: list[str] = []
    for _ in range(times):
        ids.append((await world.call(world.operator, name="Al")).id)
        world.clock.advance(hours=1)
    await world.core.filing.catch_up()
    return ids


async def left(world: World, **wanted: str) -> list[str]:
    page = await world.core.history.page(world.operator, "default", RunFilter.model_validate(wanted), PageRequest())
    return [str(run.id) for run in page.items][::-1]


async def test_runs_go_when_they_are_too_old(world: World, open_core: OpenCore) -> None:
    await world.publish()
    ids = await called(world, 6)
    core = await open_core(Keeping(max_age=timedelta(hours=2, minutes=30)))
    assert await left(world, q="greet") == ids
    assert await core.retention.sweep() == 4
    assert await left(world) == await left(world, q="greet") == ids[4:]
    assert await core.retention.sweep() == 0


async def test_the_newest_runs_of_each_organization_stay(world: World, open_core: OpenCore) -> None:
    await world.publish()
    stranger = await world.key(Scope.EXECUTE, Scope.READ, organization="other")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", is_public=True)
    for _ in range(3):
        await world.core.runs.call(stranger, ref, {"name": "Eve"}, CallContext(source=RunSource.REST))
    ids = await called(world, 5)
    core = await open_core(Keeping(max_count=3))
    assert await core.retention.sweep() == 2
    assert await left(world) == ids[2:]
    assert len((await core.history.page(stranger, "other", RunFilter(), PageRequest())).items) == 3


async def test_without_limits_everything_stays(world: World) -> None:
    await world.publish()
    ids = await called(world, 3)
    world.clock.advance(days=10_000)
    assert await world.core.retention.sweep() == 0
    assert await left(world) == ids


async def test_runs_in_flight_stay(world: World, open_core: OpenCore) -> None:
    await world.publish(wait=WAITING)
    opened, core = gate("kept"), await open_core(Keeping(max_age=timedelta(days=1), max_count=0))

    async def call() -> None:
        await world.call(world.operator, "greeting-tools/wait", gate="kept")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await begun("kept")
            world.clock.advance(days=2)
            assert await core.retention.sweep() == 0
            opened.set()
    await core.filing.catch_up()
    assert await core.retention.sweep() == 1


async def test_statistics_outlive_the_runs_and_the_audit_log_tells_of_them(world: World, open_core: OpenCore) -> None:
    await world.publish()
    ids = await called(world, 3)
    await world.core.filing.catch_up()
    core = await open_core(Keeping(max_count=0))
    run = await core.history.get(world.operator, "default", ids[0])
    assert await core.retention.sweep() == 3
    assert await left(world) == []
    statistics = await core.history.statistics(world.operator, "default", StatisticsFilter(by=By.DAY))
    assert [tool.count for tool in statistics.tools] == [3]
    async with world.store.read() as tx:
        entries = await tx.audit.following(run.organization_id, 0, 100)
    told = [(entry.actor.value, entry.before) for entry in entries if entry.action == "run.expired"]
    assert told == [("system", {"count": 2}), ("system", {"count": 1})]


async def test_a_run_that_is_not_filed_yet_stays_until_it_is(world: World, open_core: OpenCore) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Al")
    core = await open_core(Keeping(max_count=0))
    assert await core.retention.sweep() == 0
    assert await left(world) == [run.id]
    await core.filing.catch_up()
    assert await core.retention.sweep() == 1
    assert await left(world) == []


async def test_an_organization_keeps_its_runs_for_less_than_the_server_does(world: World, open_core: OpenCore) -> None:
    await world.publish()
    ids = await called(world, 30)
    stranger = await world.key(Scope.EXECUTE, Scope.READ, organization="other")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", is_public=True)
    world.clock.advance(hours=-30)
    await world.core.runs.call(stranger, ref, {"name": "Eve"}, CallContext(source=RunSource.REST))
    world.clock.advance(hours=30)
    core = await open_core(Keeping(max_age=timedelta(days=90)))
    await core.filing.catch_up()
    await core.retention.change(world.operator, "default", Retention(days=1))
    assert await core.retention.sweep() == 6
    assert await left(world) == await left(world, q="greet") == ids[6:]
    assert len((await core.history.page(stranger, "other", RunFilter(), PageRequest())).items) == 1


async def test_an_organizations_own_count_keeps_its_newest_runs(world: World, open_core: OpenCore) -> None:
    await world.publish()
    ids = await called(world, 7)
    core = await open_core(Keeping(max_count=6))
    await core.retention.change(world.operator, "default", Retention(count=2))
    assert await core.retention.sweep() == 5
    assert await left(world) == ids[5:]


async def test_what_an_organization_says_counts_without_limits_of_the_servers(world: World) -> None:
    await world.publish()
    ids = await called(world, 3)
    await world.core.retention.change(world.operator, "default", Retention(count=1))
    assert await world.core.retention.sweep() == 2
    assert await left(world) == ids[2:]


async def test_a_server_that_comes_to_keep_less_overrules_what_was_said_before(
    world: World, open_core: OpenCore
) -> None:
    await world.publish()
    ids = await called(world, 4)
    await world.core.retention.change(world.operator, "default", Retention(count=3))
    core = await open_core(Keeping(max_count=1))
    assert await core.retention.sweep() == 3
    assert await left(world) == ids[3:]


@pytest.mark.parametrize(("said", "pointer"), [({"days": 8}, "/days"), ({"count": 101}, "/count")])
async def test_no_organization_keeps_more_than_the_server(
    world: World, open_core: OpenCore, said: dict[str, int], pointer: str
) -> None:
    core = await open_core(Keeping(max_age=timedelta(days=7), max_count=100))
    await core.retention.change(world.operator, "default", Retention(days=7, count=100))
    with pytest.raises(FieldsInvalid) as caught:
        await core.retention.change(world.operator, "default", Retention.model_validate(said))
    assert pointer in str(caught.value.details["errors"])
    assert await core.retention.get(world.operator, "default") == Retention(days=7, count=100)


async def test_what_was_said_can_be_taken_back_and_both_are_audited(world: World) -> None:
    core = world.core
    organization = await core.organizations.resolve("default")
    await core.retention.change(world.operator, "default", Retention(days=7))
    await core.retention.change(world.operator, "default", Retention())
    assert await core.retention.get(world.operator, "default") == Retention()
    async with world.store.read() as tx:
        entries = await tx.audit.following(organization.id, 0, 100)
    told = [(entry.before, entry.after) for entry in entries if entry.action == "retention.changed"]
    nothing, week = {"days": None, "count": None}, {"days": 7, "count": None}
    assert told == [(nothing, week), (week, nothing)]


async def test_only_a_whole_key_with_admin_says_how_long_runs_are_kept(world: World) -> None:
    await world.publish()
    writer = await world.key(Scope.READ, Scope.WRITE, Scope.EXECUTE)
    with pytest.raises(ScopeMissing):
        await world.core.retention.change(writer, "default", Retention(days=1))
    narrowed = await world.key(Scope.ADMIN, toolsets=("greeting-tools",))
    with pytest.raises(NarrowingExceeded):
        await world.core.retention.change(narrowed, "default", Retention(days=1))
