"""The worker process, spoken to frame by frame."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import HEADER, framed
from jinba_mcp.sandbox.wasm import processes, worker
from jinba_mcp.sandbox.wasm.machine import Ended

pytestmark = pytest.mark.slow


class Talk:
    """Both ends of the pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout

    def read(self) -> tuple[int, bytes]:
        kind, length = HEADER.unpack(self.stdout.read(HEADER.size))
        return kind, self.stdout.read(length)

    def ask(self, code: str, **limits: Any) -> list[tuple[int, bytes]]:
        """All that is answered to one order."""
        told = {"code": code, "shown": "t.py", "entrypoint": "run", "env": {}, "log_bytes": 100, "output_bytes": 1000}
        told |= {"timeout_s": 30, "cpu_s": 30, "memory_bytes": 10_000_000} | limits
        self.stdin.write(framed(channel.SETUP, json.dumps(told).encode()) + framed(channel.CALL, b"{}"))
        self.stdin.flush()
        answers = [self.read()]
        while answers[-1][0] not in (channel.RESULT, worker.ENDED):
            answers.append(self.read())
        return answers


@pytest.fixture
def talk(compiled: Path, measured: str) -> Iterator[Talk]:
    python, *options, program, argument = processes.command(worker.__name__, str(compiled))
    command = [python, *options, measured + program, argument]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as process:
        try:
            talk = Talk(process)
            assert talk.read() == (channel.READY, b"")
            yield talk
        finally:
            process.kill()


def test_an_order_is_taken_then_answered_after_its_logs(talk: Talk) -> None:
    answers = talk.ask("import sys\ndef run() -> int:\n    print('a'); print('b', file=sys.stderr); return 1")
    assert [kind for kind, _ in answers] == [channel.HELLO, worker.LOGS, channel.RESULT]
    assert answers[1][1] == b"\2\0\0\0a\nb\n"
    assert json.loads(answers[2][1]) == {"ok": True, "output": 1, "content": None}


def test_it_ends_when_the_server_lets_go(talk: Talk) -> None:
    talk.ask("def run() -> int: return 1")
    talk.stdin.close()
    assert talk.process.wait(timeout=60) == 0


def test_an_interrupted_run_leaves_the_worker_alive(talk: Talk) -> None:
    ended = talk.ask("def run() -> None:\n    while True: pass", timeout_s=0.2)[-1]
    assert json.loads(ended[1])["why"] == "timeout"
    assert not json.loads(ended[1])["is_last"]
    assert json.loads(talk.ask("def run() -> int: return 1")[-1][1])["output"] == 1


def test_a_run_that_cannot_be_interrupted_takes_the_worker_along(talk: Talk) -> None:
    ended = talk.ask("import time\ndef run() -> None:\n    print('before')\n    time.sleep(99)", timeout_s=2)
    assert ended[1] == (worker.LOGS, b"\7\0\0\0before\n")
    assert json.loads(ended[-1][1]) == {"why": "timeout", "status": 0, "is_last": True}
    assert talk.process.wait(timeout=60) == 0


def test_sleeping_uses_no_processor_time(talk: Talk) -> None:
    kind, answer = talk.ask("import time\ndef run() -> int:\n    time.sleep(1.5)\n    return 1", cpu_s=1.2)[-1]
    assert (kind, json.loads(answer)["output"]) == (channel.RESULT, 1)


def test_a_flood_of_progress_is_thinned_out(talk: Talk) -> None:
    flood = "from jinba_mcp.authoring import progress\ndef run() -> None:\n    for n in range(5000): progress(n)"
    told = [kind for kind, _ in talk.ask(flood)].count(channel.PROGRESS)
    assert 64 <= told < 2500


class Machine:
    """One whose instance does what the test says, and that is interrupted by the watch, or not."""

    def __init__(self, answer: str | None, *, obeys: bool = True) -> None:
        self.interrupted = threading.Event()
        self.stdout = self.stderr = SimpleNamespace(kept=b"")
        self.tell: Callable[[str], None] = print
        self._answer = answer
        self._obeys = obeys

    def run(self, _order: str, _arguments: str, **_limits: int) -> str:
        if self._answer is None:
            assert self.interrupted.wait(60)
            raise Ended(134)
        return self._answer

    def interrupt(self) -> None:
        if self._obeys:
            self.interrupted.set()


class Answers:
    """The frames that the server would see."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []

    def write(self, kind: int, payload: bytes) -> None:
        self.frames.append((kind, payload))


def _served(machine: Any, **limits: float) -> list[tuple[int, bytes]]:
    answers: Any = Answers()
    terms = {"memory_bytes": 1, "log_bytes": 1, "output_bytes": 10, "timeout_s": 10, "cpu_s": 10} | limits
    worker.Run(machine, machine, answers, terms).serve("{}", "")
    frames: list[tuple[int, bytes]] = answers.frames
    return [frame for frame in frames if frame[0] != worker.LOGS]


@pytest.mark.parametrize("answer", ["", "x" * (20 + worker.ENVELOPE_BYTES + 1)])
def test_an_answer_of_no_or_too_much_length_is_nonsense(answer: str) -> None:
    ((kind, payload),) = _served(Machine(answer))

    assert (kind, json.loads(payload)["why"]) == (worker.ENDED, "nonsense")


@pytest.mark.parametrize(("limits", "why"), [({"timeout_s": 0}, "timeout"), ({"cpu_s": 0}, "cpu")])
def test_the_limit_that_was_reached_is_named(limits: dict[str, float], why: str) -> None:
    ((kind, payload),) = _served(Machine(None), **limits)

    assert (kind, json.loads(payload)) == (worker.ENDED, {"why": why, "status": 134, "is_last": False})


def test_who_does_not_hear_the_interruption_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(None, obeys=False)
    statuses: list[int] = []

    def end(status: int) -> None:
        statuses.append(status)
        machine.interrupted.set()

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(worker, "INTERRUPT_S", 0.01)

    frames = _served(machine, timeout_s=0)

    assert statuses == [0]
    assert json.loads(frames[0][1]) == {"why": "timeout", "status": 0, "is_last": True}


def test_progress_is_handed_on_up_to_a_rate_and_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    answers, machine = Answers(), Machine("")
    as_any: Any = machine
    run = worker.Run(as_any, as_any, cast("Any", answers), {})

    def flood() -> int:
        before = len(answers.frames)
        for _ in range(200):
            run._tell("[1,null,null]")
        return len(answers.frames) - before

    run._tell("x" * worker.ENVELOPE_BYTES)
    assert flood() == 64
    now = 1.0
    assert flood() == 20
