"""The whole of it: strangers' Python, each run in a process of its own behind real walls."""

import asyncio
import os
import signal

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import ShuttingDown, ToolCodeInvalid
from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.engine import Limits, Outcome, OutcomeStatus
from jinba_mcp.sandbox.local import jobs
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.zygotes import Zygote

from .conftest import MakeSetup, Running

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"


async def test_a_run_gets_its_arguments_and_gives_its_result(running: Running, setup: MakeSetup) -> None:
    add = setup(ADD)

    async with running() as engine:
        outcomes = [await engine.run(add, {"a": 1, "b": number}) for number in range(5)]

    assert [outcome.output for outcome in outcomes] == [{"sum": 1 + number} for number in range(5)]
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.SUCCESS}
    isolation = outcomes[0].isolation
    assert isolation is not None
    assert (isolation.provider, isolation.tier, isolation.level) == ("local", "namespaces", "strong")


async def test_nothing_of_one_run_is_there_for_the_next(running: Running, setup: MakeSetup) -> None:
    leave = setup(
        """
        import builtins, os, pathlib
        def run() -> list:
            found = [hasattr(builtins, "left"), "LEFT" in os.environ, *os.listdir("/tmp")]
            builtins.left, os.environ["LEFT"] = 1, "1"
            pathlib.Path("/tmp/left").write_text("left")
            return found
        """
    )

    async with running() as engine:
        outcomes = [await engine.run(leave, {}) for _ in range(3)]

    assert [outcome.output for outcome in outcomes] == [[False, False]] * 3


async def test_prints_are_kept_in_order_and_cut_at_the_limit(running: Running, setup: MakeSetup) -> None:
    speak = setup(
        """
        import sys
        print("loaded")
        def run() -> None:
            print("one", end="")
            print(" two")
            print("aside", file=sys.stderr)
            print("no end", end="")
        """
    )
    flood = setup("def run() -> int:\n    for _ in range(100_000): print('0123456789')\n    return 1", log_bytes=25)

    async with running() as engine:
        spoken = (await engine.run(speak, {})).logs
        flooded = await engine.run(flood, {})

    assert (spoken.stdout, spoken.stderr) == (("loaded", "one two", "no end"), ("aside",))
    assert (flooded.output, flooded.logs.stdout) == (1, ("0123456789", "0123456789", "012", "… (cut at 25 bytes)"))


async def test_what_was_printed_before_the_time_was_up_is_kept(running: Running, setup: MakeSetup) -> None:
    stuck = setup("import time\ndef run() -> None:\n    print('before')\n    time.sleep(999)")

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(stuck, {}))
        while not any(worker.stdout._parts for worker in engine._pool._busy):  # noqa: ASYNC110  logs tell nobody
            await asyncio.sleep(0)
        for worker in engine._pool._busy:
            worker._be_late()
        outcome = await run

    assert (outcome.status, outcome.logs.stdout) == (OutcomeStatus.TIMEOUT, ("before",))
    assert outcome.error is not None
    assert (outcome.error.name, outcome.error.message) == ("Timeout", "'greet' took longer than 60 s and was ended.")


async def test_an_error_points_into_the_tools_own_lines(running: Running, setup: MakeSetup) -> None:
    fail = setup("def run() -> None:\n    helper()\ndef helper() -> None:\n    raise KeyError('gone')")

    async with running() as engine:
        error = (await engine.run(fail, {})).error

    assert error is not None
    assert (error.name, error.message) == ("KeyError", "'gone'")
    assert 'File "greeting-tools/greet/main.py", line 4, in helper' in (error.traceback or "")


async def test_toolsets_of_equal_content_are_each_shown_by_their_own_name(running: Running, setup: MakeSetup) -> None:
    code = "def run() -> None:\n    raise KeyError('gone')"

    async with running() as engine:
        for toolset in ("somebodys-tools", "other-tools"):
            error = (await engine.run(setup(code, bundle={"toolset": toolset}), {})).error
            assert error is not None
            assert f'File "{toolset}/greet/main.py", line 2, in run' in (error.traceback or "")


@pytest.mark.parametrize("prewarm", ["tool", "packages", "off"])
async def test_code_that_does_not_load_fails_the_run_and_the_description(
    running: Running, setup: MakeSetup, prewarm: str
) -> None:
    broken = setup("x = 1\ndef run(:\n    pass", bundle={"prewarm": prewarm})

    async with running() as engine:
        outcome = await engine.run(broken, {})
        with pytest.raises(ToolCodeInvalid) as refused:
            await engine.describe(broken.program, Limits())

    assert outcome.error is not None
    assert (outcome.status, outcome.error.name) == (OutcomeStatus.FAILED, "ToolCodeInvalid")
    assert "greeting-tools/greet/main.py line 2" in outcome.error.message
    assert refused.value.details["line"] == 2


async def test_a_description_has_the_schemas_and_the_docstring(running: Running, setup: MakeSetup) -> None:
    greet = setup('def run(name: str) -> dict[str, int]:\n    """Greets."""\n    return {}')

    async with running() as engine:
        found = await engine.describe(greet.program, Limits())

    assert found.description == "Greets."
    assert found.input_schema["required"] == ["name"]
    assert found.output_schema is not None


async def test_pydantic_and_our_authoring_module_are_offered(running: Running, setup: MakeSetup) -> None:
    rich = setup(
        """
        from pydantic import BaseModel
        from jinba_mcp.authoring import Content, Image, Text
        class Input(BaseModel):
            n: int
        def run(input: Input) -> Content:
            return Content(blocks=[Text(text="a" * input.n), Image(data=b"x")], data={"n": input.n})
        """
    )

    async with running() as engine:
        outcome = await engine.run(rich, {"n": 2})

    assert outcome.output == {"n": 2}
    assert outcome.content is not None
    assert [block["type"] for block in outcome.content] == ["text", "image"]


async def test_progress_reaches_the_caller(running: Running, setup: MakeSetup) -> None:
    steps = setup(
        """
        from jinba_mcp.authoring import progress
        def run() -> None:
            for step in range(3):
                progress(step, 3, f"step {step}")
            progress(float("nan"), None, None)
        """
    )
    seen: list[tuple[float, float | None, str | None]] = []

    async with running() as engine:
        outcome = await engine.run(steps, {}, lambda *report: seen.append(report))

    assert outcome.status is OutcomeStatus.SUCCESS
    assert seen == [(step, 3, f"step {step}") for step in range(3)]


LIMITS = {
    "CpuLimit": ("while True: pass", {"cpu_s": 1}),
    "MemoryLimit": ("return len(bytearray(200_000_000))", {"memory_bytes": 100_000_000}),
    "ProcessLimit": (
        "import threading as t\n    for _ in range(50): t.Thread(target=t.Event().wait, daemon=True).start()",
        {"process_count": 8},
    ),
    "TmpLimit": (
        "for n in range(9): open(f'/tmp/{n}', 'wb').write(bytes(900_000))",
        {"tmp_bytes": 4_000_000},
    ),
    "OutputLimit": ("return 'x' * 2000", {"output_bytes": 1000}),
    "WorkerDied": ("import os\n    os._exit(3)", {}),
    "ProtocolError": ("import os\n    os.write(3, b'nonsense' * 9)\n    while True: pass", {}),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_a_limit_is_an_outcome_that_names_it(running: Running, setup: MakeSetup, name: str) -> None:
    body, limits = LIMITS[name]
    greedy = setup(f"def run():\n    {body}", **limits)
    add = setup(ADD)

    async with running() as engine:
        outcome = await engine.run(greedy, {})
        after = await engine.run(add, {"a": 1, "b": 2})

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.name == name
    assert after.output == {"sum": 3}


async def test_a_result_that_never_ends_is_the_limit_of_memory(running: Running, setup: MakeSetup) -> None:
    # pydantic goes through it in Rust, which ends the process where Python would raise.
    endless = setup("def run():\n    return {'numbers': iter(int, 1)}", memory_bytes=96 * 1024 * 1024)

    async with running() as engine:
        outcome = await engine.run(endless, {})

    assert outcome.error is not None
    assert outcome.error.name == "MemoryLimit"


async def test_threads_are_counted_for_each_run_alone(running: Running, setup: MakeSetup) -> None:
    threads = setup(
        """
        import threading
        def run(n: int) -> int:
            barrier = threading.Barrier(n + 1)
            for _ in range(n): threading.Thread(target=barrier.wait).start()
            barrier.wait()
            return n
        """,
        process_count=10,
    )

    async with running(sizes=pool.Sizes(max_spares=8)) as engine:
        outcomes = await asyncio.gather(*(engine.run(threads, {"n": 9}) for _ in range(16)))

    assert [outcome.output for outcome in outcomes] == [9] * 16


async def test_env_is_there_for_its_run_and_for_no_other(running: Running, setup: MakeSetup) -> None:
    code = "import os\ndef run() -> object:\n    return os.environ.get('TOKEN')"
    mine, yours, nobodys = setup(code, env=Env({"TOKEN": "a"})), setup(code, env=Env({"TOKEN": "b"})), setup(code)

    async with running() as engine:
        seen = [(await engine.run(each, {})).output for each in (mine, yours, nobodys) * 3]

    assert seen == ["a", "b", None] * 3


async def test_of_envs_that_change_all_the_time_only_the_last_are_kept(
    running: Running, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_BYTES", 1_000)
    envs = [Env({"KEY": letter * 900}) for letter in "abc"]

    async with running() as engine:
        for env in envs:
            outcome = await engine.run(setup("import os\ndef run() -> str: return os.environ['KEY']", env=env), {})
            assert outcome.output == env.variables["KEY"]
        kept = {job.setup.env for job in engine._pool._shelves if not job.is_described}

    assert kept == {envs[-1]}


async def test_a_worker_is_used_again_by_the_same_tenant_only(running: Running, setup: MakeSetup) -> None:
    code = "count = 0\ndef run() -> int:\n    global count\n    count += 1\n    print(count)\n    return count"
    ours = setup(code, tenant="a", bundle={"mode": "reuse"})
    theirs = setup(code, tenant="b", bundle={"mode": "reuse"})

    async with running() as engine:
        outcomes = [await engine.run(each, {}) for each in (ours, ours, theirs, ours)]

    assert [outcome.output for outcome in outcomes] == [1, 2, 1, 3]
    assert [outcome.logs.stdout for outcome in outcomes] == [("1",), ("2",), ("1",), ("3",)]


async def test_a_worker_that_failed_is_not_used_again(running: Running, setup: MakeSetup) -> None:
    code = """
        count = 0
        def run(fail: bool) -> int:
            global count
            count += 1
            return 1 // (not fail) and count
        """
    tool = setup(code, bundle={"mode": "reuse"})

    async with running() as engine:
        seen = [(await engine.run(tool, {"fail": fail})).output for fail in (False, False, True, False)]

    assert seen == [1, 2, None, 1]


async def test_many_runs_at_once_are_each_answered(running: Running, setup: MakeSetup) -> None:
    add = setup(ADD)

    async with running(sizes=pool.Sizes(max_workers=4)) as engine:
        outcomes = await asyncio.gather(*(engine.run(add, {"a": number, "b": 0}) for number in range(40)))

    assert [outcome.output for outcome in outcomes] == [{"sum": number} for number in range(40)]


async def test_a_caller_who_goes_away_ends_the_run(running: Running, setup: MakeSetup) -> None:
    stuck = setup("def run() -> None:\n    while True: pass")

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(stuck, {}))
        await in_flight(engine)
        pid = next(iter(engine._pool._busy)).pid
        pidfd = os.pidfd_open(pid)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await readable(pidfd)
        os.close(pidfd)


async def in_flight(engine: LocalEngine) -> None:
    """Until some tool has been called."""
    while not any(worker.run_count for worker in engine._pool._busy):  # noqa: ASYNC110  the pool tells nobody
        await asyncio.sleep(0)


def zygote_pids(engine: LocalEngine) -> list[int]:
    return [nursery.process.pid for nursery in engine._homes._alive if isinstance(nursery, Zygote)]


async def readable(fd: int) -> None:
    arrived = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, arrived.set)
    await asyncio.wait_for(arrived.wait(), 60)
    asyncio.get_running_loop().remove_reader(fd)


async def test_a_killed_zygote_costs_the_runs_in_it_and_is_replaced(running: Running, setup: MakeSetup) -> None:
    stuck, add = setup("def run() -> None:\n    while True: pass"), setup(ADD)

    async with running() as engine:
        run = asyncio.ensure_future(engine.run(stuck, {}))
        await in_flight(engine)
        for pid in zygote_pids(engine):
            os.kill(pid, signal.SIGKILL)
        lost = await run
        after = await engine.run(add, {"a": 1, "b": 2})

    assert lost.error is not None
    assert (lost.status, lost.error.name) == (OutcomeStatus.FAILED, "WorkerDied")
    assert after.output == {"sum": 3}


async def test_killed_spares_are_replaced(running: Running, setup: MakeSetup) -> None:
    add = setup(ADD)

    async with running() as engine:
        for _ in range(5):
            await engine.arm(add)
            for shelf in engine._pool._shelves.values():
                while shelf.arming:  # noqa: ASYNC110  the pool tells nobody
                    await asyncio.sleep(0)
                for spare in shelf.spares:
                    os.kill(spare.pid, signal.SIGKILL)
                    await readable(spare._pidfd)
            outcome = await engine.run(add, {"a": 1, "b": 2})
            assert outcome.output == {"sum": 3}


async def test_discard_lets_go_of_a_version_and_runs_in_flight_go_on(running: Running, setup: MakeSetup) -> None:
    slow = setup("import time\ndef run() -> int:\n    time.sleep(0.2)\n    return 1")

    async with running() as engine:
        await engine.run(slow, {})
        run = asyncio.ensure_future(engine.run(slow, {}))
        await in_flight(engine)
        (zygote,) = {worker._nursery for worker in engine._pool._busy}
        await engine.discard("sha256:1")
        outcome = await run
        while zygote.is_alive:  # noqa: ASYNC110  the pool tells nobody
            await asyncio.sleep(0.001)

    assert outcome.output == 1


async def test_closing_ends_everything_and_leaves_nothing(running: Running, setup: MakeSetup) -> None:
    stuck, add = setup("def run() -> None:\n    while True: pass"), setup(ADD)
    before = descriptors()

    async with running() as engine:
        await engine.run(add, {"a": 1, "b": 2})
        run = asyncio.ensure_future(engine.run(stuck, {}))
        await in_flight(engine)
        pids = zygote_pids(engine)
        await engine.close()
        ended = await run
        with pytest.raises(ShuttingDown):
            await engine.run(add, {"a": 1, "b": 2})

    assert ended.error is not None
    assert (ended.status, ended.error.name) == (OutcomeStatus.FAILED, "Cancelled")
    assert not [pid for pid in pids if str(pid) in os.listdir("/proc")]  # noqa: PTH208  names are all that is wanted
    assert descriptors() == before


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  names are all that is wanted


def test_it_works_on_the_loop_that_production_uses(running: Running, setup: MakeSetup) -> None:
    uvloop = pytest.importorskip("uvloop")
    speak = setup("def run() -> str:\n    print('x' * 100_000)\n    return 'y' * 300_000", log_bytes=200_000)
    stuck = setup("def run() -> None:\n    while True: pass", timeout_s=0.05)

    async def runs() -> list[Outcome]:
        async with running() as engine:
            return [await engine.run(speak, {}), await engine.run(speak, {}), await engine.run(stuck, {})]

    spoken, again, timed_out = uvloop.run(runs())

    assert spoken.output == again.output == "y" * 300_000
    assert spoken.logs.stdout == again.logs.stdout == ("x" * 100_000,)
    assert timed_out.status is OutcomeStatus.TIMEOUT


async def test_code_that_takes_too_long_to_load_is_said_to(running: Running, setup: MakeSetup) -> None:
    slow = setup("import time\ntime.sleep(5)\ndef run() -> None: ...", timeout_s=0.3)

    async with running() as engine:
        outcome = await engine.run(slow, {})

    assert outcome.status is OutcomeStatus.TIMEOUT
    assert outcome.error is not None
    assert outcome.error.message == "Loading the code of 'greet' took longer than 0.3 s, so it was not run."


async def test_what_a_tool_imports_is_there_before_it_in_later_runs(running: Running, setup: MakeSetup) -> None:
    tell = setup(
        """
        import sys
        was_there = "colorsys" in sys.modules
        import colorsys
        def run() -> bool:
            return was_there
        """
    )

    async with running() as engine, asyncio.timeout(60):
        first = await engine.run(tell, {})
        while not (await engine.run(tell, {})).output:
            pass

    assert first.output is False
