"""Frames as a hostile machine may write them."""

import base64
import json
from typing import Any

import pytest

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.sandbox.engine import Limits, Outcome, OutcomeStatus
from jinba_mcp.sandbox.remote.answers import Answer
from tests.sandbox.remote.conftest import setup_of

ISOLATION = Isolation(provider="e2b", tier="none", level=Level.NONE)
LIMITS = Limits(output_bytes=1000, log_bytes=100)


def frame(kind: str, payload: bytes | str) -> bytes:
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return f"{kind} ".encode() + raw + b"\n"


def wrapped(value: Any) -> bytes:
    return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def ended(code: int | None = 0, **end: Any) -> bytes:
    return frame("X", json.dumps({"limit": None, "signal": None, "code": code, **end}))


def outcome_of(*data: bytes, cut_off: bool = False) -> Outcome:
    answer = Answer(LIMITS)
    for piece in data:
        answer.receive(piece)
    if cut_off:
        answer.cut_off()
    return answer.outcome(setup_of(""), ISOLATION)


async def test_frames_are_read_however_they_are_cut() -> None:
    raw = frame("O", wrapped(b"hi\n")) + frame("R", wrapped({"ok": True, "output": [1, "é"]})) + ended()
    for size in (1, 7, len(raw)):
        outcome = outcome_of(*(raw[start : start + size] for start in range(0, len(raw), size)))
        assert (outcome.status, outcome.output) == (OutcomeStatus.SUCCESS, [1, "é"])
        assert outcome.logs.stdout == ("hi",)
        assert outcome.isolation == ISOLATION


async def test_lines_may_end_as_on_a_terminal() -> None:
    raw = (frame("R", wrapped({"ok": True, "output": 1})) + ended()).replace(b"\n", b"\r\n")
    assert outcome_of(raw).output == 1


@pytest.mark.parametrize(
    "data",
    [
        frame("R", b"%%%") + ended(),
        frame("R", wrapped(b"not json")) + ended(),
        frame("R", wrapped([1])) + ended(),
        frame("R", wrapped({"ok": True, "output": 1, "content": 5})) + ended(),
        frame("R", wrapped(b"[" * 100_000)) + ended(),
        frame("R", wrapped(b'{"ok":true,"output":1e999}')) + ended(),
        frame("O", b"a"),
        frame("P", b"[1]"),
        frame("P", b"nonsense"),
        frame("X", b"{}"),
        b"x" * 2_000_000,
    ],
)
async def test_nonsense_is_a_protocol_error(data: bytes) -> None:
    outcome = outcome_of(data)
    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.name == "ProtocolError"


async def test_a_flood_ends_the_answer_and_keeps_what_the_limits_allow() -> None:
    answer = Answer(LIMITS)
    for _ in range(200):
        answer.receive(frame("O", wrapped(b"y" * 50_000)))
    assert answer.ended.is_set()
    assert not answer.is_sound
    assert answer.outcome(setup_of(""), ISOLATION).logs.stdout == ("y" * 100, "… (cut at 100 bytes)")


async def test_nothing_counts_after_the_end() -> None:
    raw = frame("R", wrapped({"ok": True, "output": 1})) + ended() + frame("R", wrapped({"ok": True, "output": 2}))
    assert outcome_of(raw, frame("R", wrapped({"ok": True, "output": 3}))).output == 1


async def test_progress_is_passed_on_unless_it_is_no_number() -> None:
    seen: list[Any] = []
    answer = Answer(LIMITS, lambda *said: seen.append(said))
    answer.receive(frame("P", b'[1.0, null, "half"]') + frame("P", b"[NaN, null, null]"))
    assert seen == [(1.0, None, "half")]


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (ended(None, signal=9, limit="memory"), "MemoryLimit", "512 MiB"),
        (ended(None, signal=24), "CpuLimit", "30 s"),
        (ended(None, signal=9, limit="cpu"), "CpuLimit", "30 s"),
        (ended(None, signal=11), "WorkerDied", "signal 11"),
        (ended(7), "WorkerDied", "exit code 7"),
        (frame("R", wrapped({"ok": False})) + ended(), "ProtocolError", "without saying how"),
        (frame("R", wrapped({"ok": True, "output": "x" * 1_100_000})) + ended(), "ProtocolError", "all its limits"),
    ],
)
async def test_a_death_is_told_by_name(data: bytes, name: str, words: str) -> None:
    error = outcome_of(data).error
    assert error is not None
    assert error.name == name
    assert words in error.message


async def test_a_machine_that_goes_away_is_not_a_timeout() -> None:
    cut = outcome_of(frame("O", wrapped(b"hi\n")), cut_off=True)
    assert cut.error is not None
    assert (cut.status, cut.error.name, cut.logs.stdout) == (OutcomeStatus.FAILED, "WorkerDied", ("hi",))
    assert outcome_of().status is OutcomeStatus.TIMEOUT


def test_an_exception_behind_which_a_limit_stands_keeps_its_traceback() -> None:
    told = {"ok": False, "error": {"name": "MemoryError", "message": "", "traceback": "line 3"}}

    error = outcome_of(frame("R", wrapped(told)) + ended()).error

    assert error is not None
    assert (error.name, error.traceback) == ("MemoryLimit", "line 3")


async def test_a_description_is_checked_and_its_faults_are_errors() -> None:
    def described(*data: bytes) -> Answer:
        answer = Answer(LIMITS)
        for piece in data:
            answer.receive(piece)
        return answer

    good = {"input_schema": {"type": "object"}, "output_schema": None, "description": "Greets."}
    assert described(frame("R", wrapped({"ok": True, "signature": good})) + ended()).signature("greet").description
    fault = {"message": "line 2: no", "line": 2, "column": "x"}
    with pytest.raises(ToolCodeInvalid, match="line 2: no") as caught:
        described(frame("R", wrapped({"ok": False, "fault": fault})) + ended()).signature("greet")
    assert caught.value.details == {"line": 2}
    for data, words in (
        (frame("R", wrapped({"ok": True, "signature": {"input_schema": 5}})) + ended(), "ended the process"),
        (ended(1), "ended the process"),
        (ended(None, signal=9, limit="timeout"), "longer than 30 s"),
    ):
        with pytest.raises(ToolCodeInvalid, match=words):
            described(data).signature("greet")
