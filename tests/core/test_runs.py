"""The one path by which a tool runs: what is refused, what is recorded, and that every run ends."""

import threading
from collections.abc import Callable

import anyio
import pytest
from pydantic import JsonValue

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    ArgumentsInvalid,
    FieldsInvalid,
    NotFound,
    RunNotFound,
    SandboxUnavailable,
    ScopeMissing,
    ShuttingDown,
    ToolNotFound,
    ToolSetNotFound,
)
from jinba_mcp.domain.ids import RunId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunFilter, RunSource, RunStatus
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.sources import Source
from tests.worlds import World

gates: dict[str, threading.Event] = {}
"""Events that tools in this file wait on; they reach them by importing this module."""

WAITING = """
def run(gate: str) -> dict:
    from tests.core.test_runs import gates
    gates[gate + "-begun"].set()
    gates[gate].wait(120)
    return {}
"""


def gate(name: str) -> threading.Event:
    gates[name], gates[f"{name}-begun"] = threading.Event(), threading.Event()
    return gates[name]


async def begun(name: str) -> None:
    with anyio.fail_after(60):
        await anyio.to_thread.run_sync(gates[f"{name}-begun"].wait, 60)


async def wait_at(world: World, name: str) -> None:
    await world.call(world.operator, "greeting-tools/wait", gate=name)


async def runs_of(world: World, **wanted: object) -> list[RunStatus]:
    page = await world.core.history.page(world.operator, "default", RunFilter.model_validate(wanted), PageRequest())
    return [run.status for run in page.items]


async def test_a_call_is_answered_with_its_recorded_run(world: World) -> None:
    await world.publish()
    caller = await world.key(Scope.EXECUTE, Scope.READ)
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    context = CallContext(source=RunSource.MCP, client="cursor 1.0", request_id="req-1")
    run = await world.core.runs.call(caller, ref, {"name": "Alice"}, context)
    assert (run.status, run.output) == (RunStatus.SUCCESS, {"message": "Hello, Alice!"})
    assert (run.version, run.key_id, run.client, run.request_id) == ("1.0.0", caller.key_id, "cursor 1.0", "req-1")
    assert await world.core.history.get(caller, "default", run.id) == run
    assert [seen.id for seen in world.observed] == [run.id]


async def test_what_a_call_makes_of_itself_would_pass_every_check(world: World) -> None:
    """Runs are made without being checked, which takes most of the time that making one takes."""
    await world.publish()
    user = await world.user("ada@example.com", Role.MEMBER)
    caller = await world.personal(user.email, Scope.EXECUTE)
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    context = CallContext(RunSource.MCP, "cursor 1.0", "req-1", RunId("run_0"))
    run = await world.core.runs.call(caller, ref, {"name": "Alice"}, context)
    assert Run.model_validate(vars(run)) == run
    assert run.model_fields_set == set(Run.model_fields)
    said = run.user_id, run.key_id, run.key_name, run.key_prefix
    assert said == (user.id, caller.key_id, "mine", caller.key_prefix)
    assert (run.source, run.client, run.request_id, run.replay_of) == context
    assert run.started_at == run.created_at


async def test_a_key_without_execute_runs_nothing(world: World) -> None:
    await world.publish()
    with pytest.raises(ScopeMissing):
        await world.call(await world.key(Scope.READ, Scope.WRITE))
    assert await runs_of(world) == []


@pytest.mark.parametrize(
    ("toolset", "tool", "version", "organization"),
    [
        ("nothing", "greet", None, "default"),
        ("greeting-tools", "nothing", None, "default"),
        ("greeting-tools", "greet", "9.9.9", "default"),
        ("greeting-tools", "greet", None, "other"),
        ("greeting-tools", "greet", None, "nowhere"),
        ("greeting\x00tools", "gr\x00eet", "\x00", "default"),
    ],
)
async def test_what_is_not_there_is_not_found(
    world: World, toolset: str, tool: str, version: str | None, organization: str
) -> None:
    await world.publish()
    caller = await world.key(Scope.EXECUTE)
    ref = ToolRef(organization=organization, toolset=toolset, tool=tool, version=version)
    with pytest.raises(NotFound):
        await world.core.runs.call(caller, ref, {}, CallContext(source=RunSource.REST))


async def test_a_narrowed_key_runs_its_tools_only(world: World) -> None:
    await world.publish("greeting-tools")
    await world.publish("other-tools", greet=GREETING, wave=GREETING)
    by_toolset = await world.key(Scope.EXECUTE, toolsets=("greeting-tools",))
    by_tool = await world.key(Scope.EXECUTE, tools=("other-tools/greet",))
    assert (await call_greet(world, by_toolset, "greeting-tools/greet")) is RunStatus.SUCCESS
    assert (await call_greet(world, by_tool, "other-tools/greet")) is RunStatus.SUCCESS
    with pytest.raises(ToolSetNotFound):
        await call_greet(world, by_toolset, "other-tools/greet")
    with pytest.raises(ToolNotFound):
        await call_greet(world, by_tool, "other-tools/wave")


GREETING = "def run(name: str) -> dict:\n    return {'message': name}"


async def call_greet(world: World, caller: Caller, path: str, /, **arguments: JsonValue) -> RunStatus:
    toolset, _, tool = path.partition("/")
    ref = ToolRef(organization="default", toolset=toolset, tool=tool)
    context = CallContext(source=RunSource.REST)
    run = await world.core.runs.call(caller, ref, arguments or {"name": "Bo"}, context)
    return run.status


async def test_refused_arguments_are_a_recorded_failed_run(world: World) -> None:
    await world.publish()
    caller = await world.key(Scope.EXECUTE, Scope.READ)
    with pytest.raises(ArgumentsInvalid) as caught:
        await call_greet(world, caller, "greeting-tools/greet", name=3)
    assert caught.value.details["errors"] == [{"pointer": "/name", "detail": '3 is not of type "string"'}]
    run = await world.core.history.get(caller, "default", str(caught.value.details["runId"]))
    assert run.status is RunStatus.FAILED
    assert run.input == {"name": 3}
    assert run.error is not None
    assert run.error.name == "ArgumentsInvalid"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
async def test_what_is_not_json_is_refused_and_recorded_without_it(world: World, value: JsonValue) -> None:
    await world.publish()
    with pytest.raises(ArgumentsInvalid):
        await call_greet(world, world.operator, "greeting-tools/greet", name=value)
    assert await runs_of(world) == [RunStatus.FAILED]


async def test_a_text_with_a_zero_character_makes_the_round_trip(world: World) -> None:
    await world.publish()
    assert await call_greet(world, world.operator, "greeting-tools/greet", name="a\x00b") is RunStatus.SUCCESS


async def test_output_that_breaks_its_own_schema_is_a_failed_run(
    world: World, make_source: Callable[..., Source]
) -> None:
    source = make_source(code="def run() -> dict:\n    return {'count': 'three'}")
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    tool = source.tools[0].model_copy(update={"output_schema": schema})
    await world.core.versions.push(world.operator, "default", source.model_copy(update={"tools": (tool,)}))
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    run = await world.core.runs.call(world.operator, ref, {}, CallContext(source=RunSource.REST))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error.name == "OutputInvalid"
    assert "/count" in run.error.message


async def test_code_that_came_through_the_api_waits_for_a_sandbox(
    world: World, make_source: Callable[..., Source]
) -> None:
    writer = await world.key(Scope.WRITE, Scope.EXECUTE, Scope.READ)
    source = make_source("api-tools", sandbox={})
    with pytest.raises(SandboxUnavailable):
        await world.core.drafts.save(writer, "default", source)
    tool = source.tools[0].model_copy(update={"input_schema": {"type": "object"}})
    await world.core.drafts.save(writer, "default", source.model_copy(update={"tools": (tool,)}))
    await world.core.versions.publish(writer, "default", "api-tools", Publication())
    with pytest.raises(SandboxUnavailable):
        await call_greet(world, writer, "api-tools/greet")
    wishing = source.model_copy(update={"tools": (tool,), "sandbox": Sandbox(provider="inprocess")})
    with pytest.raises(FieldsInvalid, match="never runs inside the server"):
        await world.core.drafts.save(writer, "default", wishing)


async def test_a_started_run_is_on_record_while_its_tool_runs(world: World) -> None:
    await world.publish(wait=WAITING)
    opened = gate("visible")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_at, world, "visible")
        await begun("visible")
        assert await runs_of(world) == [RunStatus.RUNNING]
        opened.set()
    assert await runs_of(world) == [RunStatus.SUCCESS]


async def test_a_caller_who_goes_away_leaves_a_cancelled_run(world: World) -> None:
    await world.publish(wait=WAITING)
    opened = gate("leaving")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_at, world, "leaving")
        await begun("leaving")
        tasks.cancel_scope.cancel()
    opened.set()
    assert await runs_of(world) == [RunStatus.CANCELLED]


async def test_draining_refuses_new_calls_and_cancels_what_does_not_end(world: World) -> None:
    await world.publish(wait=WAITING)
    opened = gate("draining")

    async def call() -> None:
        with pytest.raises(ShuttingDown):
            await world.call(world.operator, "greeting-tools/wait", gate="draining")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await begun("draining")
            await world.core.runs.drain(0)
            with pytest.raises(ShuttingDown):
                await world.call(world.operator, "greeting-tools/wait", gate="draining")
    opened.set()
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert [run.status for run in page.items] == [RunStatus.CANCELLED]
    assert page.items[0].error is not None
    assert "shut down" in page.items[0].error.message


async def test_draining_lets_a_run_finish_within_its_grace(world: World) -> None:
    await world.publish(wait=WAITING)
    opened = gate("grace")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_at, world, "grace")
            await begun("grace")
            tasks.start_soon(world.core.runs.drain, 60)
            await anyio.lowlevel.checkpoint()
            opened.set()
    assert await runs_of(world) == [RunStatus.SUCCESS]


async def test_a_pinned_version_runs_as_it_was(world: World) -> None:
    await world.publish(greet="def run() -> dict:\n    return {'v': 1}")
    await world.publish(greet="def run() -> dict:\n    return {'v': 2}")
    context = CallContext(source=RunSource.REST)
    for version, output in (("1.0.0", {"v": 1}), ("1.0.1", {"v": 2}), (None, {"v": 2})):
        ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", version=version)
        assert (await world.core.runs.call(world.operator, ref, {}, context)).output == output


async def test_a_strangers_run_of_a_public_toolset_is_the_strangers(world: World) -> None:
    await world.publish()
    stranger = await world.key(Scope.EXECUTE, Scope.READ, organization="other")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", is_public=True)
    run = await world.core.runs.call(stranger, ref, {"name": "Eve"}, CallContext(source=RunSource.REST))
    assert run.toolset_slug.endswith("/greeting-tools")
    assert await world.core.history.get(stranger, "other", run.id) == run
    with pytest.raises(RunNotFound):
        await world.core.history.get(world.operator, "default", run.id)


async def test_a_narrowed_key_sees_runs_of_its_tools_only(world: World) -> None:
    await world.publish("greeting-tools")
    await world.publish("other-tools")
    await call_greet(world, world.operator, "greeting-tools/greet")
    await call_greet(world, world.operator, "other-tools/greet")
    narrowed = await world.key(Scope.READ, toolsets=("other-tools",))
    page = await world.core.history.page(narrowed, "default", RunFilter(), PageRequest())
    assert [run.toolset_slug for run in page.items] == ["other-tools"]
    everything = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    hidden = next(run for run in everything.items if run.toolset_slug == "greeting-tools")
    with pytest.raises(RunNotFound):
        await world.core.history.get(narrowed, "default", hidden.id)
