"""Idempotency keys: a repeat is answered with the first run, wherever and whenever it is sent."""

from typing import Any

import anyio
import pytest
from pydantic import JsonValue

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.core import Core
from jinba_mcp.core.repeats import repeat_key
from jinba_mcp.core.runs import Answer, CallContext
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    ArgumentsInvalid,
    FieldsInvalid,
    IdempotencyKeyReused,
    SandboxUnavailable,
    ScopeMissing,
    Unavailable,
)
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import INTERRUPTED, RunFilter, RunSource, RunStatus
from jinba_mcp.domain.scopes import Scope
from tests.core.conftest import OpenCore
from tests.core.test_runs import begun, gate
from tests.worlds import PretendedSandbox, World

GONE: JsonValue = {"gate": "gone"}
LOST: JsonValue = {"gate": "lost"}
OWNED: JsonValue = {"gate": "owned"}
CONTEXT = CallContext(source=RunSource.REST)
counted: list[str] = []
"""What the tool below was really run with; it reaches the list by importing this module."""
COUNTING = """
def run(name: str) -> dict:
    from tests.core.test_repeats import counted
    counted.append(name)
    return {"count": len(counted)}
"""
WAITING_AND_COUNTING = """
def run(gate: str) -> dict:
    from tests.core.test_repeats import counted
    from tests.core.test_runs import gates
    counted.append(gate)
    gates[gate + "-begun"].set()
    gates[gate].wait(120)
    return {"count": len(counted)}
"""


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    counted.clear()


async def once(
    core: Core, caller: Caller, key: str, arguments: JsonValue, *, tool: str = "count", version: str | None = None
) -> Answer:
    assert isinstance(arguments, dict)
    ref = ToolRef(organization="default", toolset="greeting-tools", tool=tool, version=version)
    return await core.runs.call_once(caller, ref, arguments, CONTEXT, key)


async def run_count(world: World) -> int:
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    return len(page.items)


async def test_a_repeat_is_answered_with_the_first_run(world: World, open_core: OpenCore) -> None:
    await world.publish(count=COUNTING)
    first = await once(world.core, world.operator, "key", {"name": "Al"})
    again = await once(world.core, world.operator, "key", {"name": "Al"})
    elsewhere = await once(await open_core(), await world.key(Scope.EXECUTE), "key", {"name": "Al"})
    assert (first.is_repeated, again.is_repeated, elsewhere.is_repeated) == (False, True, True)
    assert first.run == again.run == elsewhere.run
    assert counted == ["Al"]


async def test_fifty_repeats_at_once_from_two_processes_run_once(world: World, open_core: OpenCore) -> None:
    await world.publish(count=WAITING_AND_COUNTING)
    cores, opened = [world.core, await open_core()], gate("fifty")
    answers: list[Answer] = []

    async def ask(number: int) -> None:
        answers.append(await once(cores[number % 2], world.operator, "key", {"gate": "fifty"}))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(ask, number)
            await begun("fifty")
            opened.set()
    assert len({answer.run.id for answer in answers}) == 1
    assert [answer.is_repeated for answer in answers].count(False) == 1
    assert all(answer.run.output == {"count": 1} for answer in answers)
    assert await run_count(world) == 1


@pytest.mark.parametrize(
    "asked",
    [{"arguments": {"name": "Bo"}}, {"tool": "other"}, {"version": "1.0.0"}],
    ids=["arguments", "tool", "version"],
)
async def test_the_same_key_for_another_call_is_a_conflict(world: World, asked: dict[str, object]) -> None:
    await world.publish(count=COUNTING, other=COUNTING)
    first = await once(world.core, world.operator, "key", {"name": "Al"})
    given: Any = {"arguments": {"name": "Al"}, **asked}
    with pytest.raises(IdempotencyKeyReused) as caught:
        await once(world.core, world.operator, "key", **given)
    assert caught.value.details["runId"] == first.run.id
    assert counted == ["Al"]


async def test_a_key_that_loses_the_race_to_another_call_is_a_conflict_too(world: World, open_core: OpenCore) -> None:
    await world.publish(count=WAITING_AND_COUNTING)
    gate("one").set()
    gate("two").set()
    cores, refused = [world.core, await open_core()], []

    async def ask(number: int, name: str) -> None:
        try:
            await once(cores[number], world.operator, "key", {"gate": name})
        except IdempotencyKeyReused as error:
            refused.append(error)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, 0, "one")
            tasks.start_soon(ask, 1, "two")
    assert (len(refused), len(counted)) == (1, 1)
    assert len(world.observed) == await run_count(world) == 1


async def test_keys_are_of_one_organization(world: World) -> None:
    await world.publish(count=COUNTING)
    stranger = await world.key(Scope.EXECUTE, organization="other")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="count", is_public=True)
    mine = await once(world.core, world.operator, "key", {"name": "Al"})
    theirs = await world.core.runs.call_once(stranger, ref, {"name": "Al"}, CONTEXT, "key")
    again = await world.core.runs.call_once(stranger, ref, {"name": "Al"}, CONTEXT, "key")
    assert not theirs.is_repeated
    assert again.run == theirs.run != mine.run


async def test_a_key_is_free_again_after_a_day_and_swept(world: World) -> None:
    await world.publish(count=COUNTING)
    first = await once(world.core, world.operator, "key", {"name": "Al"})
    world.clock.advance(hours=23, minutes=59)
    assert (await once(world.core, world.operator, "key", {"name": "Al"})).is_repeated
    world.clock.advance(minutes=1)
    second = await once(world.core, world.operator, "key", {"name": "Bo"})
    assert (second.is_repeated, second.run.id == first.run.id) == (False, False)
    world.clock.advance(days=1)
    async with world.store.begin() as tx:
        assert await tx.repeats.sweep(world.clock(), 10) == 1
        assert await tx.repeats.sweep(world.clock(), 10) == 0


async def test_a_refused_call_leaves_its_key_free(world: World, sandbox: PretendedSandbox) -> None:
    await world.publish(count=COUNTING)
    with pytest.raises(ArgumentsInvalid):
        await once(world.core, world.operator, "key", {"name": 1})
    with pytest.raises(ArgumentsInvalid):
        await once(world.core, world.operator, "key", {"name": float("nan")})
    with pytest.raises(ScopeMissing):
        await once(world.core, await world.key(Scope.READ), "key", {"name": "Al"})
    assert not (await once(world.core, world.operator, "key", {"name": "Al"})).is_repeated


async def test_a_call_that_no_engine_could_run_leaves_its_key_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish(count=COUNTING)

    async def down(*_: object) -> None:
        raise SandboxUnavailable("It is down.")

    monkeypatch.setattr("jinba_mcp.sandbox.inprocess.InProcessEngine.run", down)
    with pytest.raises(SandboxUnavailable):
        await once(world.core, world.operator, "key", {"name": "Al"})
    monkeypatch.undo()
    assert not (await once(world.core, world.operator, "key", {"name": "Al"})).is_repeated
    assert await run_count(world) == 2


@pytest.mark.parametrize("failing_count", [1, 2])
async def test_a_run_whose_end_could_not_be_recorded_at_once_is_not_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch, failing_count: int
) -> None:
    await world.publish(count=COUNTING)
    write_batch, failures = world.store._database.write_batch, iter(range(failing_count))

    async def busy(writes: Any) -> None:
        for _ in failures:
            raise Unavailable("The database is too busy.")
        await write_batch(writes)

    monkeypatch.setattr(world.store._database, "write_batch", busy)
    with pytest.raises(Unavailable):
        await once(world.core, world.operator, "key", {"name": "Al"})
    monkeypatch.undo()
    await world.core.runs.settle()
    with anyio.fail_after(60):
        again = await once(world.core, world.operator, "key", {"name": "Al"})
    assert (again.is_repeated, again.run.status, again.run.output) == (True, RunStatus.SUCCESS, {"count": 1})
    assert counted == ["Al"]
    assert await run_count(world) == 1


async def test_who_goes_away_finds_the_run_done_on_coming_back(world: World) -> None:
    await world.publish(count=WAITING_AND_COUNTING)
    opened = gate("gone")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(once, world.core, world.operator, "key", GONE)
            await begun("gone")
            tasks.cancel_scope.cancel()
            opened.set()
        answer = await once(world.core, world.operator, "key", GONE)
    assert (answer.is_repeated, answer.run.status, counted) == (True, RunStatus.SUCCESS, ["gone"])


async def test_a_key_survives_the_process_that_took_it(world: World, open_core: OpenCore) -> None:
    await world.publish(count=COUNTING)
    first = await once(await open_core(), world.operator, "key", {"name": "Al"})
    assert (await once(await open_core(), world.operator, "key", {"name": "Al"})).run == first.run


async def test_a_run_with_a_key_is_one_of_its_process(world: World) -> None:
    await world.publish(count=WAITING_AND_COUNTING)
    opened = gate("owned")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(once, world.core, world.operator, "key", OWNED)
            await begun("owned")
            await world.core.health.beat()
            opened.set()
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert [run.status for run in page.items] == [RunStatus.SUCCESS]


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "ключ"])
def test_what_can_be_no_key_is_refused(key: str) -> None:
    with pytest.raises(FieldsInvalid):
        repeat_key(OrganizationId("org_1"), key, {})


async def test_a_run_that_its_process_did_not_survive_is_the_answer_and_is_not_made_again(
    world: World, open_core: OpenCore
) -> None:
    await world.publish(count=WAITING_AND_COUNTING)
    opened, other = gate("lost"), await open_core()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(once, other, world.operator, "key", LOST)
            await begun("lost")
            async with world.store.begin() as tx:
                await tx.processes.forget([other.runs._store._me.id])
            await world.core.health.beat()
            answer = await once(world.core, world.operator, "key", LOST)
            opened.set()
    assert (answer.is_repeated, answer.run.status, answer.run.error) == (True, RunStatus.FAILED, INTERRUPTED)
    assert counted == ["lost"]
