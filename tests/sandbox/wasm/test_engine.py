"""Tier C from end to end: strangers' Python, each run in a fresh WebAssembly machine."""

import asyncio
import sys
from pathlib import Path

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable, ShuttingDown, ToolCodeInvalid
from jinba_mcp.domain.isolation import Level
from jinba_mcp.sandbox.engine import Limits, OutcomeStatus
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import framed
from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.wasm import components, processes
from jinba_mcp.sandbox.wasm.engine import WasmEngine

from .conftest import MakeSetup, Running

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"
slow = pytest.mark.slow


@slow
async def test_the_self_test_does_not_get_out(running: Running) -> None:
    async with running() as engine:
        assert await selftest.probe(engine) == []


@slow
async def test_runs_get_their_arguments_and_give_their_results(running: Running, setup: MakeSetup) -> None:
    add = setup(ADD)

    async with running() as engine:
        await engine.arm(add)
        outcomes = await asyncio.gather(*(engine.run(add, {"a": 1, "b": number}) for number in range(10)))

    assert [outcome.output for outcome in outcomes] == [{"sum": 1 + number} for number in range(10)]
    isolation = outcomes[0].isolation
    assert isolation is not None
    assert (isolation.provider, isolation.tier, isolation.level) == ("local", "wasm", Level.WASM)
    assert "one-wall" in isolation.weaker


@slow
async def test_nothing_of_one_run_is_there_for_the_next(running: Running, setup: MakeSetup) -> None:
    leave = setup(
        """
        import builtins, json, os
        def run() -> list:
            found = [hasattr(builtins, "left"), "LEFT" in os.environ, hasattr(json, "left")]
            builtins.left = json.left = 1
            os.environ["LEFT"] = "1"
            return found
        """
    )

    async with running(max_workers=1) as engine:
        outcomes = [await engine.run(leave, {}) for _ in range(3)]

    assert [outcome.output for outcome in outcomes] == [[False] * 3] * 3


@slow
async def test_a_run_has_its_own_env_and_nothing_of_the_servers(
    running: Running, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_CANARY", "secret")
    code = "import os\ndef run() -> dict:\n    return dict(os.environ)"

    async with running(max_workers=1) as engine:
        first = await engine.run(setup(code, env=Env({"TOKEN": "abc"}, ["TOKEN"])), {})
        second = await engine.run(setup(code), {})

    assert (first.output, second.output) == ({"TOKEN": "abc"}, {})


LIMITS: dict[str, tuple[str, dict[str, float]]] = {
    "Timeout": ("while True: pass", {"timeout_s": 0.2}),
    "CpuLimit": ("while True: pass", {"cpu_s": 0.2}),
    "MemoryLimit": ("return len(bytearray(256_000_000))", {"memory_bytes": 100_000_000}),
    "OutputLimit": ("return 'x' * 2000", {"output_bytes": 1000}),
    "WorkerDied": ("import os\n    os._exit(3)", {}),
}


@slow
@pytest.mark.parametrize("name", LIMITS)
async def test_a_limit_is_an_outcome_that_names_it(running: Running, setup: MakeSetup, name: str) -> None:
    body, limits = LIMITS[name]
    greedy = setup(f"def run():\n    {body}", **limits)

    async with running(max_workers=1) as engine:
        outcome = await engine.run(greedy, {})
        after = await engine.run(setup(ADD), {"a": 1, "b": 2})

    assert outcome.status is (OutcomeStatus.TIMEOUT if name == "Timeout" else OutcomeStatus.FAILED)
    assert outcome.error is not None
    assert outcome.error.name == name
    assert after.output == {"sum": 3}


@slow
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("nonsense", "ProtocolError"),
        ('{"ok":true}', "ProtocolError"),
        ('{"ok":true,"output":' + "[" * 5000, "ProtocolError"),
        ("x" * 100_000, "ProtocolError"),
        ("", "ProtocolError"),
        ('{"ok":true,"output":NaN,"content":null}', "ProtocolError"),
    ],
)
async def test_a_forged_answer_is_the_runs_own_failure(
    running: Running, setup: MakeSetup, answer: str, error: str
) -> None:
    code = "import sys\nguest = sys.modules['jinba_mcp.sandbox.guest.tools']\n"
    code += f"guest.Tool.call = lambda *given: {answer!r}.encode()\ndef run() -> int:\n    return 1"

    async with running(max_workers=1) as engine:
        outcome = await engine.run(setup(code, output_bytes=1000), {})
        after = await engine.run(setup(ADD), {"a": 1, "b": 2})

    assert outcome.error is not None
    assert outcome.error.name == error
    assert after.output == {"sum": 3}


@slow
async def test_an_error_points_into_the_tools_own_lines(running: Running, setup: MakeSetup) -> None:
    fail = setup("def run() -> None:\n    helper()\ndef helper() -> None:\n    raise KeyError('gone')")

    async with running() as engine:
        error = (await engine.run(fail, {})).error

    assert error is not None
    assert (error.name, error.message) == ("KeyError", "'gone'")
    assert 'File "greeting-tools/greet/main.py", line 4, in helper' in (error.traceback or "")


@slow
async def test_code_that_does_not_load_fails_the_run_and_the_description(running: Running, setup: MakeSetup) -> None:
    broken = setup("x = 1\ndef run(:\n    pass")

    async with running() as engine:
        outcome = await engine.run(broken, {})
        with pytest.raises(ToolCodeInvalid) as refused:
            await engine.describe(broken.program, Limits())

    assert outcome.error is not None
    assert outcome.error.name == "ToolCodeInvalid"
    assert refused.value.details["line"] == 2


@slow
async def test_plain_code_describes_itself_and_other_code_is_told_how(running: Running, setup: MakeSetup) -> None:
    greet = setup('def run(name: str, often: int = 1) -> dict[str, int]:\n    """Greets."""\n    return {}')
    dated = setup("import datetime\ndef run(day: datetime.date) -> None: pass")

    async with running() as engine:
        found = await engine.describe(greet.program, Limits())
        with pytest.raises(ToolCodeInvalid, match=r"date is no plain JSON type.*inputSchema in tool\.yml"):
            await engine.describe(dated.program, Limits())

    assert (found.description, found.input_schema["required"]) == ("Greets.", ["name"])
    assert found.output_schema == {"additionalProperties": {"type": "integer"}, "type": "object"}


@slow
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


@slow
async def test_a_run_that_nobody_waits_for_is_ended(running: Running, setup: MakeSetup) -> None:
    endless = setup(
        "from jinba_mcp.authoring import progress\ndef run() -> None:\n    progress(1)\n    while True: pass"
    )
    begun = asyncio.Event()

    async with running(max_workers=1) as engine:
        task = asyncio.create_task(engine.run(endless, {}, lambda *_report: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        after = await engine.run(setup(ADD), {"a": 1, "b": 2})

    assert after.output == {"sum": 3}


@slow
async def test_closing_ends_what_runs(running: Running, setup: MakeSetup) -> None:
    endless = setup(
        "from jinba_mcp.authoring import progress\ndef run() -> None:\n    progress(1)\n    while True: pass"
    )
    begun = asyncio.Event()

    async with running() as engine:
        task = asyncio.create_task(engine.run(endless, {}, lambda *_report: begun.set()))
        await begun.wait()
        await engine.close()
        outcome = await task
        with pytest.raises(ShuttingDown):
            await engine.run(endless, {})

    assert outcome.error is not None
    assert outcome.error.name == "Cancelled"


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        ({"language": "typescript"}, "cannot run typescript, only Python"),
        ({"network": "on"}, "cannot reach the network"),
        (
            {"lock": {"kind": "python", "packages": ({"name": "requests"},), "text": ""}},
            r"cannot offer packages \(requests\)",
        ),
    ],
)
async def test_what_webassembly_cannot_do_is_refused_by_name(
    tmp_path: Path, setup: MakeSetup, bundle: object, reason: str
) -> None:
    asked = setup(ADD, bundle=bundle)
    engine = WasmEngine(tmp_path)

    for call in (engine.prepare(asked.program.bundle), engine.run(asked, {}), engine.describe(asked.program, Limits())):
        with pytest.raises(SandboxUnavailable, match=f"'greeting-tools' cannot run here: .* {reason}"):
            await call
    await engine.arm(asked)
    await engine.close()


async def test_without_the_extra_the_engine_says_what_to_install(
    tmp_path: Path, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "_LIBRARIES", ("no-such-library",))
    engine = WasmEngine(tmp_path)

    found = await engine.capabilities()
    with pytest.raises(SandboxUnavailable, match=r"pip install 'jinba-mcp\[wasm\]'"):
        await engine.run(setup(ADD), {})

    assert found.languages == ()
    assert "pip install 'jinba-mcp[wasm]'" in (found.problem or "")
    await engine.discard("sha256:1")
    await engine.close()


async def test_workers_that_end_before_they_begin_are_given_up_after_some(
    monkeypatch: pytest.MonkeyPatch, setup: MakeSetup, tmp_path: Path
) -> None:
    ready = framed(channel.READY, b"")
    program = f"import os, sys; os.write(1, {ready!r}); sys.stdin.buffer.read1(); sys.exit(3)"
    monkeypatch.setattr(processes, "command", lambda *_: [sys.executable, "-I", "-S", "-c", program])
    engine = WasmEngine(tmp_path, max_workers=1)
    monkeypatch.setattr(engine, "_ready", _at_once)
    engine._compiled = tmp_path

    with pytest.raises(SandboxUnavailable, match="end before they can be used"):
        await engine.run(setup(ADD), {"a": 1, "b": 2})
    await engine.close()


async def test_a_worker_that_cannot_be_started_is_told(
    monkeypatch: pytest.MonkeyPatch, setup: MakeSetup, tmp_path: Path
) -> None:
    engine = WasmEngine(tmp_path, max_workers=1)
    monkeypatch.setattr(engine, "_ready", _at_once)

    with pytest.raises(SandboxUnavailable, match="the component is not there"):
        await engine.run(setup(ADD), {"a": 1, "b": 2})
    await engine.close()


async def _at_once() -> None:
    """As if the component had been built."""
