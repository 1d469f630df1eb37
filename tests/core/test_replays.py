"""Replaying: the same version with the same input, where the record has both."""

import pytest

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import RunNotFound, RunNotReplayable, ScopeMissing
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.runs import Run, RunSource, RunStatus
from jinba_mcp.domain.scopes import Scope
from tests.core.conftest import OpenCore
from tests.core.test_execution import SECRETIVE
from tests.worlds import World

REST = CallContext(source=RunSource.REST)
REPLAY = CallContext(source=RunSource.REPLAY)


async def replayed(world: World, run: Run, caller: Caller | None = None, organization: str = "default") -> Run:
    return await world.core.runs.replay(caller or world.operator, organization, run.id, REPLAY)


async def test_the_old_version_runs_again_with_the_old_input(world: World) -> None:
    await world.publish(greet="def run(name: str) -> dict:\n    return {'old': name}")
    first = await world.call(world.operator, name="Al")
    await world.publish(greet="def run(name: str) -> dict:\n    return {'new': name}")
    again = await replayed(world, first)
    assert (again.output, again.version, again.input) == ({"old": "Al"}, "1.0.0", {"name": "Al"})
    assert (again.source, again.replay_of, again.id == first.id) == (RunSource.REPLAY, first.id, False)
    assert await world.core.history.get(world.operator, "default", again.id) == again
    assert (await replayed(world, again)).replay_of == again.id


async def test_a_failed_run_is_replayed_too(world: World) -> None:
    await world.publish(fail="def run() -> dict:\n    raise RuntimeError('no luck')")
    first = await world.call(world.operator, "greeting-tools/fail")
    assert (await replayed(world, first)).status is RunStatus.FAILED


async def test_an_input_that_is_not_all_there_is_not_replayed(world: World, open_core: OpenCore) -> None:
    await world.publish(sign_in=SECRETIVE, greet="def run(name: str) -> dict:\n    return {}")
    redacted = await world.call(world.operator, "greeting-tools/sign-in", user="al", password="hunter22")
    core = await open_core(Keeping(input_bytes=30))
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    truncated = await core.runs.call(world.operator, ref, {"name": "x" * 100}, REST)
    for run, word in ((redacted, "redacted"), (truncated, "truncated")):
        with pytest.raises(RunNotReplayable, match=word):
            await replayed(world, run)


async def test_a_test_of_the_draft_is_not_replayed(world: World) -> None:
    await world.publish()
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    tested = await world.core.runs.test(world.operator, ref, {"name": "Al"}, CallContext(source=RunSource.TEST))
    with pytest.raises(RunNotReplayable, match="draft"):
        await replayed(world, tested)


async def test_a_strangers_run_of_a_public_tool_is_replayed_as_the_strangers(world: World) -> None:
    await world.publish()
    stranger = await world.key(Scope.EXECUTE, Scope.READ, organization="other")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", is_public=True)
    first = await world.core.runs.call(stranger, ref, {"name": "Eve"}, REST)
    again = await replayed(world, first, stranger, "other")
    assert (again.toolset_slug, again.organization_id) == (first.toolset_slug, first.organization_id)


async def test_who_may_not_run_it_does_not_replay_it(world: World) -> None:
    await world.publish()
    first = await world.call(world.operator, name="Al")
    with pytest.raises(ScopeMissing):
        await replayed(world, first, await world.key(Scope.READ, Scope.WRITE))
    with pytest.raises(RunNotFound):
        await replayed(world, first, await world.key(Scope.EXECUTE, tools=("greeting-tools/other",)))
    with pytest.raises(RunNotFound):
        await replayed(world, first, await world.key(Scope.EXECUTE, organization="other"), "other")
