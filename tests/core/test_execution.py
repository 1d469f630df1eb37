"""The life of one run: what it is ended by, what is recorded of its end, and what is told of it."""

from typing import Any

import anyio
import pytest

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.errors import ArgumentsInvalid, SandboxUnavailable
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunFilter, RunPart, RunSource, RunStatus
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Annotations
from jinba_mcp.sandbox.engine import Outcome, Setup
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.journal import Entry
from tests.core.conftest import OpenCore
from tests.worlds import GREET, World

CONTEXT = CallContext(source=RunSource.REST)
SECRETIVE = """
from typing import Annotated
from pydantic import BaseModel, Field

class Input(BaseModel):
    user: str
    password: Annotated[str, Field(json_schema_extra={"writeOnly": True})]

def run(input: Input) -> dict:
    if input.user == "nobody":
        raise ValueError(f"no user with {input.password}")
    return {"echo": f"{input.user}:{input.password}", "token": "sk-abc123"}
"""


async def stored(world: World, run: Run) -> Run:
    return await world.core.history.get(world.operator, "default", run.id)


async def test_the_caller_gets_all_and_the_record_no_secret(world: World, open_core: OpenCore) -> None:
    await world.publish(sign_in=SECRETIVE)
    core = await open_core(Keeping(patterns=(r"sk-\w+",)))
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="sign-in")
    whole = await core.runs.call(world.operator, ref, {"user": "al", "password": "hunter22"}, CONTEXT)
    assert whole.output == {"echo": "al:hunter22", "token": "sk-abc123"}
    record = await stored(world, whole)
    assert record.input == {"user": "al", "password": "***"}
    assert record.output == {"echo": "al:***", "token": "***"}
    assert record.redacted == (RunPart.INPUT, RunPart.OUTPUT)
    assert record.truncated == ()
    assert world.observed[-1] == record


async def test_no_secret_is_recorded_of_a_failure_or_a_refusal(world: World) -> None:
    await world.publish(sign_in=SECRETIVE)
    failed = await world.call(world.operator, "greeting-tools/sign-in", user="nobody", password="hunter22")
    assert failed.error is not None
    assert "hunter22" in failed.error.message
    with pytest.raises(Exception, match="user"):
        await world.call(world.operator, "greeting-tools/sign-in", user=1, password="hunter22")
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    assert len(page.items) == 2
    assert "hunter22" not in page.model_dump_json()
    assert RunPart.ERROR in (await stored(world, failed)).redacted


@pytest.mark.parametrize("given", ["s3cr3t-" * 100, "007", {"text": "hunter22"}], ids=["long", "short", "no text"])
async def test_a_secret_that_does_not_fit_its_schema_is_not_recorded(world: World, given: Any) -> None:
    """Nor its beginning, of a secret that is longer than what is told of a fault."""
    password: JsonObject = {"type": "string", "format": "password", "minLength": 4, "maxLength": 100}
    schema: JsonObject = {"type": "object", "properties": {"password": password}}
    code = "from typing import Any\n\ndef run(password: Any) -> dict:\n    return {'password': password}\n"
    taking = SourceTool(slug="taking", code=code, input_schema=schema)
    giving = SourceTool(slug="giving", code=code, input_schema={"type": "object"}, output_schema=schema)
    source = Source(slug="greeting-tools", tools=(taking, giving), sandbox=Sandbox(provider="inprocess"))
    await world.core.versions.push(world.operator, "default", source)
    with pytest.raises(ArgumentsInvalid, match="/password"):
        await world.call(world.operator, "greeting-tools/taking", password=given)
    await world.call(world.operator, "greeting-tools/giving", password=given)
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
    told = [run.error.message for run in page.items if run.error is not None]
    assert [message.count("/password: ***") for message in told] == [1, 1]
    assert not [message for message in told if "s3cr3t" in message or "007" in message or "hunter22" in message]


async def test_while_it_runs_the_record_has_no_secret_either(world: World) -> None:
    await world.publish(sign_in=SECRETIVE)
    seen: list[Run] = []
    engine_run = "jinba_mcp.sandbox.inprocess.InProcessEngine.run"

    async def looking(*_: object) -> None:
        page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest())
        seen.extend(page.items)
        raise SandboxUnavailable("enough")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_run, looking)
        with pytest.raises(SandboxUnavailable):
            await world.call(world.operator, "greeting-tools/sign-in", user="al", password="hunter22")
    assert [(run.status, run.input["password"]) for run in seen] == [(RunStatus.RUNNING, "***")]


async def test_what_is_long_is_cut_in_the_record_alone(world: World, open_core: OpenCore) -> None:
    await world.publish(echo="def run(text: str) -> dict:\n    return {'text': text}")
    core = await open_core(Keeping(input_bytes=50, output_bytes=60))
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="echo")
    whole = await core.runs.call(world.operator, ref, {"text": "x" * 100}, CONTEXT)
    assert whole.output == {"text": "x" * 100}
    record = await stored(world, whole)
    assert record.truncated == (RunPart.INPUT, RunPart.OUTPUT)
    assert record.input == {"text": "x" * 41}


async def test_a_run_cancelled_after_its_tool_has_answered_is_answered_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish()
    finish = world.store.journal.finish

    with anyio.fail_after(60):
        async with anyio.create_task_group() as draining:

            async def cancelled_meanwhile(run: Run, entry: Entry | None = None) -> None:
                await finish(run, entry)
                if not world.core.runs._execution.is_draining:
                    draining.start_soon(world.core.runs.drain, 0)
                    await anyio.sleep_forever()

            monkeypatch.setattr(world.store.journal, "finish", cancelled_meanwhile)
            run = await world.call(world.operator, name="Al")
    assert run.status is RunStatus.SUCCESS
    assert await stored(world, run) == run


@pytest.mark.parametrize("is_read_only", [True, False])
async def test_only_a_tool_that_changes_nothing_begins_before_its_start_is_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_read_only: bool
) -> None:
    greet = SourceTool(slug="greet", code=GREET, annotations=Annotations(readOnlyHint=is_read_only))
    source = Source(slug="greeting-tools", tools=(greet,), sandbox=Sandbox(provider="inprocess"))
    await world.core.versions.push(world.operator, "default", source)
    has_begun, may_write = anyio.Event(), anyio.Event()
    run, write_batch = InProcessEngine.run, world.store._database.write_batch

    async def running(self: InProcessEngine, setup: Setup, arguments: JsonObject, report: Any) -> Outcome:
        has_begun.set()
        return await run(self, setup, arguments, report)

    async def held(writes: Any) -> None:
        await may_write.wait()
        await write_batch(writes)

    monkeypatch.setattr(InProcessEngine, "run", running)
    monkeypatch.setattr(world.store._database, "write_batch", held)
    answers: list[Run] = []

    async def call() -> None:
        answers.append(await world.call(world.operator, name="Al"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await (has_begun.wait() if is_read_only else anyio.wait_all_tasks_blocked())
            assert has_begun.is_set() is is_read_only
            for _ in range(50):
                await anyio.sleep(0.001)
            assert answers == []
            may_write.set()
    assert await stored(world, answers[0]) == answers[0]
    assert answers[0].status is RunStatus.SUCCESS
