"""Outcomes of what workers answer, all of which may be forged, and of how they ended."""

import json
import signal

import pytest

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.runs import NO_LOGS, RunError
from jinba_mcp.sandbox.engine import Limits, OutcomeStatus, Signature
from jinba_mcp.sandbox.local import outcomes
from jinba_mcp.sandbox.local.replies import Lost
from jinba_mcp.sandbox.local.zygotes import Ended

from .conftest import MakeSetup

ISOLATION = Isolation(provider="local", tier="namespaces", level=Level.STRONG)
CODE = "def run() -> None: ..."


async def error_of(setup: MakeSetup, reply: bytes | Lost, **limits: float) -> RunError:
    found = await outcomes.outcome(reply, setup(CODE, **limits), NO_LOGS, ISOLATION)
    assert found.status is not OutcomeStatus.SUCCESS
    assert found.isolation is ISOLATION
    assert found.error is not None
    return found.error


async def test_an_answer_is_a_success_with_its_output_and_content(setup: MakeSetup) -> None:
    reply = b'{"ok":true,"output":{"a":[1,null]},"content":[{"type":"text"}]}'

    found = await outcomes.outcome(reply, setup(CODE), NO_LOGS, ISOLATION)

    assert (found.status, found.output) == (OutcomeStatus.SUCCESS, {"a": [1, None]})
    assert found.content == ({"type": "text"},)
    assert outcomes.is_success(reply)


async def test_a_long_answer_is_read_whole(setup: MakeSetup) -> None:
    reply = json.dumps({"ok": True, "output": "x" * 400_000, "content": None}).encode()

    found = await outcomes.outcome(reply, setup(CODE), NO_LOGS, ISOLATION)

    assert found.output == "x" * 400_000


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"ok":true}',
        b'{"ok":true,"output":NaN}',
        b'{"ok":true,"output":1,"content":{}}',
        b'{"ok":true,"output":1,"content":[1]}',
        b'{"ok":true,"output":' + b"9" * 5000 + b"}",
        b'{"ok":true,"output":' + b"[" * 100_000 + b"}",
        b'{"ok":false,"error":[]}',
        b'{"ok":false,"error":{"name":1,"message":"","traceback":null}}',
        b'{"ok":false,"error":{"name":"a","message":"","traceback":1}}',
        b'{"fault":1}',
        b'{"fault":{"message":1}}',
    ],
)
async def test_what_is_no_answer_fails_as_such(setup: MakeSetup, reply: bytes) -> None:
    assert (await error_of(setup, reply)).name == "ProtocolError"


async def test_errors_are_bounded_and_fit_to_be_stored(setup: MakeSetup) -> None:
    error = {"name": "N" * 10_000, "message": "a\0" * 10_000, "traceback": "t\0" * 100_000}

    found = await error_of(setup, json.dumps({"ok": False, "error": error}).encode())

    assert len(found.name) + len(found.message) + len(found.traceback or "") < 100_000
    assert "\0" not in found.message + (found.traceback or "")


async def test_an_exception_behind_which_a_limit_stands_is_named_for_it(setup: MakeSetup) -> None:
    error = {"name": "OSError", "message": "[Errno 28] No space left on device", "traceback": "line 3"}

    found = await error_of(setup, json.dumps({"ok": False, "error": error}).encode())

    assert (found.name, found.traceback) == ("TmpLimit", "line 3")
    assert "greet" in found.message


@pytest.mark.parametrize(
    ("lost", "name", "words"),
    [
        (Lost("timeout"), "Timeout", "'greet' took longer than 60 s"),
        (Lost("timeout", was_loading=True), "Timeout", "Loading the code of 'greet' took longer than 60 s"),
        (Lost("nonsense"), "ProtocolError", "no answer"),
        (Lost("closed"), "Cancelled", "shut down"),
        (Lost("died"), "WorkerDied", "by itself"),
        (Lost("died", Ended(3 << 8)), "WorkerDied", "with exit status 3"),
        (Lost("died", Ended(signal.SIGSEGV)), "WorkerDied", "by SIGSEGV"),
        (Lost("died", Ended(77)), "WorkerDied", "by signal 77"),
        (Lost("died", Ended(signal.SIGXCPU)), "CpuLimit", "2 s of processor time"),
        (Lost("died", Ended(signal.SIGKILL, 2.5)), "CpuLimit", "2 s of processor time"),
        (Lost("died", Ended(signal.SIGKILL, 0.5)), "WorkerDied", "by SIGKILL"),
    ],
)
async def test_a_lost_worker_is_an_outcome_that_says_why(setup: MakeSetup, lost: Lost, name: str, words: str) -> None:
    error = await error_of(setup, lost, cpu_s=2)

    assert error.name == name
    assert words in error.message
    assert not outcomes.is_success(lost)


async def test_a_signature_is_read_or_refused_with_its_place(setup: MakeSetup) -> None:
    program = setup(CODE).program
    said = {"input_schema": {"type": "object"}, "output_schema": None, "description": "d"}

    found = await outcomes.signature(json.dumps({"signature": said}).encode(), program, Limits())

    assert found == Signature(input_schema={"type": "object"}, output_schema=None, description="d")
    fault = json.dumps({"fault": {"message": "main.py line 3: no", "line": 3, "column": None}}).encode()
    with pytest.raises(ToolCodeInvalid, match="line 3") as refused:
        await outcomes.signature(fault, program, Limits())
    assert refused.value.details == {"line": 3}
    for nonsense in (b"x", b"{}", b'{"signature":{"input_schema":[]}}', Lost("timeout")):
        with pytest.raises(ToolCodeInvalid):
            await outcomes.signature(nonsense, program, Limits())


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "NaN", "Infinity", "2.5E+310", "9e0000309", "7" * 309 + ".0", '[1,{"a":3e400}]']
)
async def test_a_number_that_no_float_can_hold_is_no_answer(setup: MakeSetup, number: str) -> None:
    reply = f'{{"ok":true,"output":{number},"content":null}}'.encode()

    assert (await error_of(setup, reply)).name == "ProtocolError"


@pytest.mark.parametrize("written", ["1e308", "1E-999", "8" * 400, '"1e999"', '"' + "9" * 400 + '"', '"ab3e456"'])
async def test_what_only_looks_like_such_a_number_is_an_answer(setup: MakeSetup, written: str) -> None:
    reply = f'{{"ok":true,"output":{written},"content":null}}'.encode()

    found = await outcomes.outcome(reply, setup(CODE), NO_LOGS, ISOLATION)

    assert found.output == json.loads(written)


@pytest.mark.parametrize("name", ["output", "content"])
async def test_an_answer_over_its_limit_is_refused_whoever_wrote_it(setup: MakeSetup, name: str) -> None:
    answer = {"ok": True, "output": None, "content": None} | {
        name: ["x" * 200] if name == "output" else [{"a": "x" * 200}]
    }

    found = await outcomes.outcome(json.dumps(answer).encode(), setup(CODE, output_bytes=100), NO_LOGS, ISOLATION)

    assert found.error is not None
    assert (found.status, found.error.name, found.output) == (OutcomeStatus.FAILED, "OutputLimit", None)


async def test_what_is_only_written_at_length_is_within_its_limit(setup: MakeSetup) -> None:
    reply = b'{"ok":true,' + b" " * 500 + b'"output":"short","content":null}'

    found = await outcomes.outcome(reply, setup(CODE, output_bytes=100), NO_LOGS, ISOLATION)

    assert found.output == "short"


@pytest.mark.parametrize(
    ("message", "is_limit"),
    [("Array buffer allocation failed", True), ("WebAssembly.Memory(): could not allocate", True), ("bad", False)],
)
async def test_a_buffer_that_found_no_room_is_the_limit_of_memory(
    setup: MakeSetup, message: str, *, is_limit: bool
) -> None:
    error = {"name": "RangeError", "message": message, "traceback": None}

    found = await error_of(setup, json.dumps({"ok": False, "error": error}).encode())

    assert found.name == ("MemoryLimit" if is_limit else "RangeError")


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        (signal.SIGTRAP, "# Fatal JavaScript out of memory: x"),
        (signal.SIGTRAP, "# Fatal process out of memory: x"),
        (signal.SIGTRAP, "other"),
        (signal.SIGABRT, "memory allocation of 134217728 bytes failed"),
        (signal.SIGSEGV, "memory allocation of 134217728 bytes failed"),
        (signal.SIGSEGV, "other"),
    ],
)
async def test_what_native_code_said_of_its_death_is_believed(setup: MakeSetup, ending: int, line: str) -> None:
    lost = Lost("died", Ended(ending))

    found = await outcomes.outcome(lost, setup(CODE), NO_LOGS.model_copy(update={"stderr": (line,)}), ISOLATION)

    assert found.error is not None
    assert found.error.name == ("WorkerDied" if line == "other" else "MemoryLimit")
