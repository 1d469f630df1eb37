"""The server's end of worker processes, real ones and such as misbehave."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import framed
from jinba_mcp.sandbox.local.replies import Lost
from jinba_mcp.sandbox.wasm import processes, worker
from jinba_mcp.sandbox.wasm.processes import Process

LIMITS = Limits(timeout_s=5, log_bytes=100, output_bytes=1000)
READY = framed(channel.READY, b"")
HELLO = framed(channel.HELLO, b"")


async def started(monkeypatch: pytest.MonkeyPatch, program: str) -> Process:
    """A process of another program in the worker's place."""
    source = f"import os, sys\nread, write = sys.stdin.buffer.read1, lambda raw: os.write(1, raw)\n{program}"
    monkeypatch.setattr(processes, "command", lambda *_: [sys.executable, "-I", "-S", "-c", source])
    ready = asyncio.Event()
    process = Process(Path("nowhere"), lambda _process: ready.set())
    await asyncio.wait_for(ready.wait(), 60)
    return process


async def answered(monkeypatch: pytest.MonkeyPatch, *frames: bytes) -> tuple[object, Process]:
    process = await started(monkeypatch, f"write({READY!r}); read(); write({b''.join(frames)!r}); read()")
    reply, _logs = await process.call(b"{}", channel.CALL, b"{}", LIMITS, None)
    return reply, process


async def finished(process: Process) -> None:
    process.close()
    await process.ended()


async def test_the_answer_comes_with_its_logs_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    logs, result = framed(worker.LOGS, b"\2\0\0\0a\nb\n"), framed(channel.RESULT, b'{"ok":true}')
    frames = HELLO + framed(channel.PROGRESS, b"[1,2,null]") + logs + result
    process = await started(monkeypatch, f"write({READY!r}); read(); write({frames!r}); read()")
    seen: list[bytes] = []

    reply, printed = await process.call(b"{}", channel.CALL, b"{}", LIMITS, seen.append)

    assert (reply, printed.stdout, printed.stderr, seen) == (b'{"ok":true}', ("a",), ("b",), [b"[1,2,null]"])
    assert process.is_ready
    await finished(process)
    assert not process.is_ready


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (framed(ord("?"), b""), "nonsense"),
        (framed(channel.RESULT, b"x" * 100_000), "nonsense"),
        (framed(worker.ENDED, json.dumps({"why": "nonsense", "status": 0, "is_last": False}).encode()), "nonsense"),
        (framed(worker.ENDED, json.dumps({"why": "timeout", "status": 0, "is_last": False}).encode()), "timeout"),
        (framed(worker.ENDED, json.dumps({"why": "cpu", "status": 0, "is_last": False}).encode()), "died"),
        (framed(worker.ENDED, json.dumps({"why": "died", "status": 1, "is_last": False}).encode()), "died"),
    ],
)
async def test_other_ends_are_told_apart(monkeypatch: pytest.MonkeyPatch, frame: bytes, why: str) -> None:
    reply, process = await answered(monkeypatch, HELLO, frame)
    assert isinstance(reply, Lost)
    assert (reply.why, reply.has_begun) == (why, True)
    await finished(process)


async def test_one_that_ends_before_it_has_taken_the_order_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await started(monkeypatch, f"write({READY!r}); read()")
    reply, _logs = await process.call(b"{}", channel.CALL, b"{}", LIMITS, None)
    again, _logs = await process.call(b"{}", channel.CALL, b"{}", LIMITS, None)
    for lost in (reply, again):
        assert isinstance(lost, Lost)
        assert (lost.why, lost.has_begun) == ("died", False)
    await finished(process)


async def test_one_that_says_nothing_is_ended_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LATE_S", 0.0)
    process = await started(monkeypatch, f"write({READY!r}); read(); read(); read()")
    limits = LIMITS.model_copy(update={"timeout_s": 0.1})
    reply, _logs = await process.call(b"{}", channel.CALL, b"{}", limits, None)
    assert isinstance(reply, Lost)
    assert reply.why == "timeout"
    assert not process.is_ready
    await finished(process)


@pytest.mark.parametrize("program", ["sys.exit(1)", "write(b'nonsense')", f"write({HELLO!r})"])
async def test_one_that_does_not_start_is_lost(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    process = await started(monkeypatch, program)
    assert not process.is_ready
    await process.ended()


async def test_one_that_is_closed_while_it_starts_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "command", lambda *_: [sys.executable, "-c", "input()"])
    process = Process(Path("nowhere"), lambda _process: None)
    await asyncio.sleep(0)
    await finished(process)
    assert not process.is_ready


def test_a_child_gets_nothing_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_CANARY", "secret")
    assert set(processes.variables()) <= {"SYSTEMROOT"}


async def test_one_that_is_ending_by_itself_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal to it would take its exit status from asyncio, which then looks for it for seconds."""
    last = framed(worker.ENDED, json.dumps({"why": "timeout", "status": 0, "is_last": True}).encode())
    frames = HELLO + last
    program = f"write({READY!r}); read(); write({frames!r}); import time; time.sleep(0.3); sys.exit(7)"
    process = await started(monkeypatch, program)

    reply, _logs = await process.call(b"{}", channel.CALL, b"{}", LIMITS, None)
    process.close()
    await process.ended()

    assert isinstance(reply, Lost)
    assert reply.why == "timeout"
    assert process._started.returncode == 7


async def test_one_that_is_not_there_yet_takes_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(Path("nowhere"), lambda _process: None)

    reply, _logs = await process.call(b"{}", channel.CALL, b"{}", LIMITS, None)
    with pytest.raises(OSError, match="has not been started"):
        _ = process._started
    await finished(process)

    assert reply == Lost("died", has_begun=False)
