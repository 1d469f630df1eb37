"""Trusted Python in threads of this process: whatever the tool does, its run has an outcome."""

import asyncio
import threading
from types import SimpleNamespace

import anyio.lowlevel
import pytest

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.sandbox.engine import Limits, OutcomeStatus, Setup
from jinba_mcp.sandbox.inprocess import InProcessEngine

from .conftest import MakeProgram, Running

LIMITS = Limits()
BRIEF = Limits(timeout_s=0.02)


async def entered(shared: SimpleNamespace) -> None:
    assert await asyncio.to_thread(shared.entered.wait, 60)


def let_time_run_out(engine: InProcessEngine) -> None:
    """What the timer does, at a moment that the test knows."""
    for flight in tuple(engine._flights):
        flight.expire()


async def thread_is_free(engine: InProcessEngine) -> None:
    while engine.busy_count:
        await asyncio.to_thread(lambda: None)


STUCK = """
    def run() -> dict:
        print("before")
        shared.entered.set()
        shared.release.wait()
        print("after")
        return {"late": True}
"""


async def test_a_plain_function_gets_its_arguments_and_defaults(running: Running, program: MakeProgram) -> None:
    greet = program("def run(name: str, n: int = 3, *, mark: str = '!') -> dict:\n    return {'text': name * n + mark}")

    async with running() as engine:
        once = await engine.run(Setup(greet, LIMITS), {"name": "a"})
        again = await engine.run(Setup(greet, LIMITS), {"name": "b", "n": 1, "mark": "?"})

    assert (once.status, once.output) == (OutcomeStatus.SUCCESS, {"text": "aaa!"})
    assert again.output == {"text": "b?"}


async def test_models_go_in_and_come_out(running: Running, program: MakeProgram) -> None:
    greet = program(
        """
        from __future__ import annotations
        from pydantic import BaseModel, Field

        class Person(BaseModel):
            first_name: str = Field(alias="firstName")

        class Input(BaseModel):
            person: Person

        class Output(BaseModel):
            shouted: str = Field(serialization_alias="shoutedName")

        def run(input: Input) -> Output:
            return Output(shouted=input.person.first_name.upper())
        """
    )

    async with running() as engine:
        outcome = await engine.run(Setup(greet, LIMITS), {"person": {"firstName": "Alice"}})

    assert outcome.output == {"shoutedName": "ALICE"}


async def test_an_async_tool_runs_off_the_servers_loop(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        import asyncio
        async def run() -> dict:
            shared.loop = asyncio.get_running_loop()
            shared.entered.set()
            shared.release.wait()
            await asyncio.sleep(0)
            return {"done": True}
        """
    )

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(greet, LIMITS), {}))
        await entered(shared)
        shared.release.set()
        outcome = await run

    assert outcome.output == {"done": True}
    assert shared.loop is not asyncio.get_running_loop()


async def test_tasks_that_an_async_tool_leaves_behind_are_ended(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        import asyncio
        async def forever():
            try:
                await asyncio.Event().wait()
            finally:
                shared.seen.append("ended")
        async def run() -> dict:
            shared.task = asyncio.create_task(forever())
            await asyncio.sleep(0)
            return {}
        """
    )

    async with running() as engine:
        await engine.run(Setup(greet, LIMITS), {})

    assert shared.seen == ["ended"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no such city')", "ValueError: no such city"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("raise MemoryError('full')", "MemoryError: full"),
        ("return run()", "RecursionError: maximum recursion depth"),
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_whatever_a_tool_raises_is_a_failed_run(
    running: Running, program: MakeProgram, kind: str, body: str, message: str
) -> None:
    call = body.replace("run()", "await run()") if kind == "async def" else body

    async with running() as engine:
        outcome = await engine.run(Setup(program(f"{kind} run() -> dict:\n    {call}"), LIMITS), {})

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert f"{outcome.error.name}: {outcome.error.message}".startswith(message)
    assert outcome.error.traceback is not None
    assert 'File "greeting-tools/greet/main.py", line 2, in run\n    ' + call in outcome.error.traceback
    assert "site-packages" not in outcome.error.traceback
    assert "jinba_mcp" not in outcome.error.traceback


async def test_arguments_that_do_not_fit_are_a_readable_failure(running: Running, program: MakeProgram) -> None:
    async with running() as engine:
        outcome = await engine.run(
            Setup(program("def run(n: int) -> dict:\n    return {}"), LIMITS), {"n": "x", "m": 1}
        )

    assert outcome.error is not None
    assert outcome.error.name == "ValidationError"
    assert "n: Input should be a valid integer" in outcome.error.message
    assert "m: Extra inputs are not permitted" in outcome.error.message


async def test_a_validator_that_raises_oddly_is_a_failed_run(running: Running, program: MakeProgram) -> None:
    greet = program(
        """
        from typing import Annotated
        from pydantic import AfterValidator
        def check(value):
            raise KeyError(value)
        def run(n: Annotated[int, AfterValidator(check)]) -> dict:
            return {}
        """
    )

    async with running() as engine:
        outcome = await engine.run(Setup(greet, LIMITS), {"n": 1})

    assert outcome.error is not None
    assert outcome.error.name == "KeyError"


async def test_code_that_does_not_load_is_a_failed_run(running: Running, program: MakeProgram) -> None:
    async with running() as engine:
        outcome = await engine.run(Setup(program("def run(:\n    pass"), LIMITS), {})

    assert outcome.error is not None
    assert outcome.error.name == "ToolCodeInvalid"
    assert "greeting-tools/greet/main.py line 1, column " in outcome.error.message


@pytest.mark.parametrize(
    ("result", "name"),
    [("object()", "OutputInvalid"), ("float('nan')", "OutputInvalid"), ("'x' * 50_000_000", "OutputLimit")],
)
async def test_a_result_that_cannot_be_used_is_a_failed_run(
    running: Running, program: MakeProgram, result: str, name: str
) -> None:
    async with running() as engine:
        outcome = await engine.run(Setup(program(f"def run() -> dict:\n    return {result}"), LIMITS), {})

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.name == name


async def test_rich_content_comes_as_blocks(running: Running, program: MakeProgram) -> None:
    greet = program(
        """
        from jinba_mcp.authoring import Image
        def run() -> list[Image | str]:
            return ["look", Image(data=b"png")]
        """
    )

    async with running() as engine:
        outcome = await engine.run(Setup(greet, LIMITS), {})

    blocks = [{"type": "text", "text": "look"}, {"type": "image", "data": "cG5n", "mimeType": "image/png"}]
    assert outcome.content == tuple(blocks)
    assert outcome.output == blocks


async def test_a_tool_that_never_returns_times_out_and_keeps_its_thread(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    stuck = program(STUCK)
    quick = program("def run() -> dict:\n    return {}", tool="quick")

    async with running(max_threads=1) as engine:
        run = asyncio.ensure_future(engine.run(Setup(stuck, Limits(timeout_s=60)), {}))
        await entered(shared)
        let_time_run_out(engine)
        outcome = await run
        assert outcome.status is OutcomeStatus.TIMEOUT
        assert outcome.error is not None
        assert outcome.error.name == "Timeout"
        assert outcome.error.message == "'greet' took longer than 60 s and was given up."
        assert outcome.logs.stdout == ("before",)
        with pytest.raises(LimitExceeded, match="All 1 threads for tools are busy"):
            await engine.run(Setup(quick, LIMITS), {})

        shared.release.set()
        await thread_is_free(engine)
        assert (await engine.run(Setup(quick, LIMITS), {})).status is OutcomeStatus.SUCCESS


async def test_the_clock_ends_a_run(running: Running, program: MakeProgram, shared: SimpleNamespace) -> None:
    async with running() as engine:
        outcome = await engine.run(Setup(program(STUCK), BRIEF), {})

    assert outcome.status is OutcomeStatus.TIMEOUT


async def test_an_async_tool_that_times_out_is_cancelled(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        import asyncio
        async def run() -> dict:
            shared.entered.set()
            await asyncio.Event().wait()
        """
    )

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(greet, LIMITS), {}))
        await entered(shared)
        let_time_run_out(engine)
        outcome = await run
        await thread_is_free(engine)

    assert outcome.status is OutcomeStatus.TIMEOUT


async def test_cancelling_the_caller_gives_a_plain_function_up_at_once(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(program(STUCK), LIMITS), {}))
        await entered(shared)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert engine.busy_count == 1


async def test_cancelling_the_caller_cancels_an_async_tool(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        import asyncio
        async def run() -> dict:
            shared.entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                shared.release.set()
        """
    )

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(greet, LIMITS), {}))
        await entered(shared)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert await asyncio.to_thread(shared.release.wait, 60)


async def test_runs_at_once_have_separate_logs(running: Running, program: MakeProgram) -> None:
    greet = program(
        """
        import sys
        import threading
        together = threading.Barrier(4)
        def run(n: int) -> dict:
            print("out", n)
            together.wait(60)
            print("err", n, file=sys.stderr)
            together.wait(60)
            print("out again", n, flush=True)
            return {"n": n}
        """
    )

    async with running() as engine:
        outcomes = await asyncio.gather(*(engine.run(Setup(greet, LIMITS), {"n": n}) for n in range(4)))

    assert [outcome.output for outcome in outcomes] == [{"n": n} for n in range(4)]
    assert [outcome.logs.stdout for outcome in outcomes] == [(f"out {n}", f"out again {n}") for n in range(4)]
    assert [outcome.logs.stderr for outcome in outcomes] == [(f"err {n}",) for n in range(4)]


async def test_nothing_that_a_tool_prints_reaches_real_stdout(
    running: Running, program: MakeProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    greet = program(
        """
        import asyncio
        import sys
        import threading
        print("while loading")
        async def run() -> dict:
            await asyncio.to_thread(print, "from its executor")
            sys.stdout.buffer.write("bytes é\\n".encode())
            stray = threading.Thread(target=print, args=("from a thread",))
            stray.start()
            stray.join()
            return {}
        """
    )

    async with running() as engine:
        await engine.describe(greet, LIMITS)
        outcome = await engine.run(Setup(greet, LIMITS), {})
        print("the server's own")  # noqa: T201  what this test is about

    assert outcome.logs.stdout == ("from its executor", "bytes é")
    out, err = capsys.readouterr()
    assert (out, err) == ("the server's own\n", "from a thread\n")


async def test_long_logs_are_cut_and_marked(running: Running, program: MakeProgram) -> None:
    greet = program("def run() -> dict:\n    print('x' * 50)\n    return {}")

    async with running() as engine:
        outcome = await engine.run(Setup(greet, Limits(log_bytes=10)), {})

    assert outcome.logs.stdout == ("xxxxxxxxxx", "… (cut at 10 bytes)")


async def test_progress_is_reported_on_the_callers_loop_before_the_result(
    running: Running, program: MakeProgram
) -> None:
    greet = program(
        """
        from jinba_mcp.authoring import progress
        def run() -> dict:
            progress(1, 2, "half")
            progress(2)
            return {}
        """
    )
    reports: list[tuple[float, float | None, str | None]] = []
    threads = set()

    def report(done: float, total: float | None, message: str | None) -> None:
        threads.add(threading.get_ident())
        reports.append((done, total, message))

    async with running() as engine:
        outcome = await engine.run(Setup(greet, LIMITS), {}, report)
        unasked = await engine.run(Setup(greet, LIMITS), {})

    assert outcome.status is unasked.status is OutcomeStatus.SUCCESS
    assert reports == [(1, 2, "half"), (2, None, None)]
    assert threads == {threading.get_ident()}


async def test_a_report_that_fails_does_not_hit_the_tool(running: Running, program: MakeProgram) -> None:
    greet = program(
        "from jinba_mcp.authoring import progress\ndef run() -> dict:\n    progress(1)\n    return {'ok': 1}"
    )
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    fault = OSError("gone")

    def report(done: float, total: float | None, message: str | None) -> None:
        raise fault

    async with running() as engine:
        outcome = await engine.run(Setup(greet, LIMITS), {}, report)

    assert outcome.output == {"ok": 1}
    assert errors == [fault]


async def test_progress_after_the_time_is_up_is_dropped(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        from jinba_mcp.authoring import progress
        def run() -> dict:
            shared.release.wait()
            progress(1)
            return {}
        """
    )
    reports: list[float] = []

    async with running() as engine:
        await engine.run(Setup(greet, BRIEF), {}, lambda done, *_: reports.append(done))
        shared.release.set()
        await thread_is_free(engine)

    assert reports == []


async def test_progress_that_loses_against_the_clock_is_dropped(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        from jinba_mcp.authoring import progress
        def run() -> dict:
            progress(1)
            shared.entered.set()
            shared.release.wait()
            return {}
        """
    )
    reports: list[float] = []

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(greet, LIMITS), {}, lambda done, *_: reports.append(done)))
        await anyio.lowlevel.checkpoint()
        # On the loop's own thread on purpose: the report must still be waiting there when the time is up.
        assert shared.entered.wait(60)
        let_time_run_out(engine)
        await run

    assert reports == []


async def test_an_async_tool_that_starts_too_late_is_cancelled_at_once(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    greet = program(
        """
        import asyncio
        def run() -> dict:
            shared.entered.set()
            shared.release.wait()
            return asyncio.Event().wait()
        """
    )

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(greet, LIMITS), {}))
        await entered(shared)
        let_time_run_out(engine)
        outcome = await run
        shared.release.set()
        await thread_is_free(engine)

    assert outcome.status is OutcomeStatus.TIMEOUT


async def test_two_versions_of_one_tool_run_side_by_side(running: Running, program: MakeProgram) -> None:
    one = program("def run() -> dict:\n    return {'version': 1}", digest="sha256:1")
    two = program("def run() -> dict:\n    raise ValueError('two')", digest="sha256:2")

    async with running() as engine:
        first, second, third = [await engine.run(Setup(each, LIMITS), {}) for each in (one, two, one)]

    assert first.output == third.output == {"version": 1}
    assert second.error is not None
    assert "    raise ValueError('two')" in (second.error.traceback or "")


async def test_closing_ends_what_still_runs_and_takes_nothing_new(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    async with running() as engine:
        run = asyncio.ensure_future(engine.run(Setup(program(STUCK), LIMITS), {}))
        await entered(shared)
        await engine.close()
        outcome = await run
        with pytest.raises(ShuttingDown):
            await engine.run(Setup(program(STUCK), LIMITS), {})

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert "shut down" in outcome.error.message
    assert outcome.logs.stdout == ("before",)


def test_a_run_may_outlive_its_event_loop(program: MakeProgram, shared: SimpleNamespace) -> None:
    async def give_up() -> InProcessEngine:
        engine = InProcessEngine()
        await engine.run(Setup(program(STUCK), BRIEF), {})
        return engine

    engine = asyncio.run(give_up())
    shared.release.set()
    asyncio.run(engine.close())
    for thread in threading.enumerate():
        if thread.name == "tool":
            thread.join(60)

    assert engine.busy_count == 0
