"""Cancelling runs in flight: here, elsewhere, twice, too late, and by whoever may not."""

import asyncio

import anyio
import pytest

from jinba_mcp.core import flights
from jinba_mcp.core.core import Core
from jinba_mcp.domain.errors import RunEnded, RunNotFound, ScopeMissing, Unavailable
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import CALLED_OFF, CANCELLED, Run, RunFilter, RunStatus
from jinba_mcp.domain.scopes import Scope
from tests.core.conftest import OpenCore
from tests.core.test_runs import WAITING, begun, gate
from tests.worlds import World


async def only_run(world: World) -> Run:
    (run,) = (await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())).items
    return run


async def cancelled_by(world: World, core: Core, name: str, times: int = 1) -> tuple[list[Run], list[Run]]:
    """What a call that is cancelled by `core` is answered with, and what the cancelling is."""
    await world.publish(wait=WAITING)
    opened = gate(name)
    called: list[Run] = []
    cancelled: list[Run] = []

    async def call() -> None:
        called.append(await world.call(world.operator, "greeting-tools/wait", gate=name))

    async def cancel(run: Run) -> None:
        cancelled.append(await core.runs.cancel(world.operator, "default", run.id))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await begun(name)
            run = await only_run(world)
            async with anyio.create_task_group() as cancelling:
                for _ in range(times):
                    cancelling.start_soon(cancel, run)
    opened.set()
    return called, cancelled


async def test_a_run_is_cancelled_and_its_caller_told(world: World) -> None:
    called, cancelled = await cancelled_by(world, world.core, "cancel-here")
    assert called == cancelled == [await only_run(world)]
    assert (called[0].status, called[0].error) == (RunStatus.CANCELLED, CALLED_OFF)


async def test_a_run_of_another_process_is_cancelled(world: World, open_core: OpenCore) -> None:
    called, cancelled = await cancelled_by(world, await open_core(), "cancel-there")
    assert called == cancelled
    assert called[0].error == CALLED_OFF


async def test_cancelling_twice_and_again_later_is_cancelling_once(world: World) -> None:
    called, cancelled = await cancelled_by(world, world.core, "cancel-twice", times=3)
    assert cancelled == called * 3
    assert await world.core.runs.cancel(world.operator, "default", called[0].id) == called[0]
    async with world.store.read() as tx:
        entries = await tx.audit.following(called[0].organization_id, 0, 100)
    cancellings = [entry for entry in entries if entry.action == "run.cancelled"]
    assert [entry.target for entry in cancellings] == [called[0].id]


async def test_a_run_that_has_ended_is_not_cancelled_any_more(world: World) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Al")
    with pytest.raises(RunEnded):
        await world.core.runs.cancel(world.operator, "default", run.id)
    assert await only_run(world) == run


async def test_who_may_not_execute_cancels_nothing(world: World) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Al")
    with pytest.raises(ScopeMissing):
        await world.core.runs.cancel(await world.key(Scope.READ, Scope.WRITE), "default", run.id)
    narrowed = await world.key(Scope.EXECUTE, tools=("greeting-tools/other",))
    for caller, organization in (
        (narrowed, "default"),
        (await world.key(Scope.EXECUTE, organization="other"), "other"),
    ):
        with pytest.raises(RunNotFound):
            await world.core.runs.cancel(caller, organization, run.id)


async def test_a_run_that_does_not_end_in_time_is_shown_as_it_is(
    world: World, open_core: OpenCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish(wait=WAITING)
    opened, other = gate("late"), await open_core()
    monkeypatch.setattr(flights, "LOOK_EVERY_S", 60)
    monkeypatch.setattr("jinba_mcp.core.runs._CANCELLING_S", 0.05)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                await world.call(world.operator, "greeting-tools/wait", gate="late")

            tasks.start_soon(call)
            await begun("late")
            page = await other.history.page(world.operator, "default", RunFilter(), PageRequest())
            shown = await other.runs.cancel(world.operator, "default", page.items[0].id)
            assert shown.status is RunStatus.RUNNING
            opened.set()


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_watch(
    world: World, open_core: OpenCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jinba_mcp.storage.runs import RunRepository  # noqa: PLC0415  only to break it once

    look, looks = RunRepository.called_off, 0

    async def broken_once(self: RunRepository) -> list[RunId]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise Unavailable("away")
        return await look(self)

    monkeypatch.setattr(RunRepository, "called_off", broken_once)
    monkeypatch.setattr(flights, "LOOK_EVERY_S", 0.01)
    called, _ = await cancelled_by(world, await open_core(), "cancel-away")
    assert called[0].status is RunStatus.CANCELLED


async def test_a_run_that_is_gone_is_not_waited_for(world: World) -> None:
    waiting = flights.Flights(world.store)
    with anyio.fail_after(60), pytest.raises(RunNotFound):
        await waiting.wait_for_end(OrganizationId("org_1"), RunId("run_1"), 60)


async def test_what_a_task_runs_is_cancelled_when_its_caller_is_gone(world: World) -> None:
    await world.publish(wait=WAITING)
    opened = gate("abandoned")
    call = asyncio.create_task(world.call(world.operator, "greeting-tools/wait", gate="abandoned"))
    await begun("abandoned")
    assert not world.core.runs.abandon(asyncio.current_task())
    assert world.core.runs.abandon(call)
    with anyio.fail_after(60):
        run = await call
    opened.set()
    assert (run.status, run.error) == (RunStatus.CANCELLED, CANCELLED)
    assert run == await only_run(world)
    assert not world.core.runs.abandon(call)


async def test_a_flight_that_outlives_its_caller_is_not_abandoned(world: World) -> None:
    aboard = flights.Flights(world.store)
    with aboard.aboard(RunId("run_1"), outlives_caller=True) as flight:
        assert aboard.abandon(asyncio.current_task())
    assert not flight.scope.cancel_called
