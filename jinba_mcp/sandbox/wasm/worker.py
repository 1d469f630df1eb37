"""The process around the WebAssembly machine: takes orders from the server one after the other, each in a new instance.

It is ours and trusted; what an instance answers is not. Frames are those of `guest/channel.py`, over standard input
and output: SETUP (JSON: what `inside.run` is told, and the limits), CALL (arguments) or DESCRIBE; back come PROGRESS,
then LOGS, then RESULT or ENDED; the first is HELLO, before any code of the tool.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import Channel

if TYPE_CHECKING:
    from jinba_mcp.sandbox.wasm.machine import Instance, Machine

LOGS = ord("l")
"""Worker to host, before the answer: four bytes of length, standard output of that length, standard error."""
ENDED = ord("e")
"""Worker to host, instead of RESULT: JSON of `why` (timeout, cpu, died, nonsense), `status`, and `is_last` if the
process ends too."""
INTERRUPT_S = 0.1
"""How long an interrupted run may go on before the whole process ends with it."""
ENVELOPE_BYTES = 64 * 1024
_MAX_PROGRESS_CHARS = ENVELOPE_BYTES // 4
_BURST_REPORTS = 64
_REPORTS_PER_S = 20.0


def main(compiled: str) -> None:
    """Serve until the server lets go."""
    orders, answers = _channels()
    from jinba_mcp.sandbox.wasm.machine import Machine  # noqa: PLC0415  the extra is there where this is started

    machine = Machine(Path(compiled))
    instance = machine.fresh()
    answers.write(channel.READY, b"")
    while True:
        try:
            order, (kind, arguments) = orders.read()[1], orders.read()
        except EOFError:
            return
        answers.write(channel.HELLO, b"")
        told = arguments.decode() if kind == channel.CALL else ""
        Run(machine, instance, answers, json.loads(order)).serve(order.decode(), told)
        instance.close()
        # Made now, while nobody waits for it.
        instance = machine.fresh()


class Run:
    """One order, and the watch over it. Whoever comes first, its end or the watch, says how it ended."""

    def __init__(self, machine: "Machine", instance: "Instance", answers: Channel, terms: Mapping[str, Any]) -> None:
        self._machine = machine
        self._instance = instance
        self._answers = answers
        self._terms = terms
        self._is_over = threading.Event()
        self._why = "died"
        self._settling = threading.Lock()
        self._reports = float(_BURST_REPORTS)
        self._reported_at = time.monotonic()

    def serve(self, order: str, arguments: str) -> None:
        """Run it and send what came of it."""
        from jinba_mcp.sandbox.wasm.machine import Ended  # noqa: PLC0415  as in main

        self._machine.tell = self._tell
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            answer = self._instance.run(
                order, arguments, memory_bytes=self._terms["memory_bytes"], log_bytes=self._terms["log_bytes"]
            )
            kind, payload = self._read(answer)
        except Ended as ended:
            kind, payload = ENDED, _ended(self._why, ended.status)
        with self._settling:
            self._is_over.set()
            self._send(kind, payload)
        # An interruption that came too late for this run must not hit the next.
        watch.join()

    def _read(self, answer: str) -> tuple[int, bytes]:
        most = 2 * self._terms["output_bytes"] + ENVELOPE_BYTES
        # Looked at before it is encoded: an answer may be as long as the memory that the run had.
        raw = answer.encode() if len(answer) <= most else b""
        return (channel.RESULT, raw) if 0 < len(raw) <= most else (ENDED, _ended("nonsense", 0))

    def _watch(self) -> None:
        terms = self._terms
        deadline, used_s = time.monotonic() + terms["timeout_s"], time.process_time()
        while True:
            left_s = deadline - time.monotonic()
            left_cpu_s = used_s + terms["cpu_s"] - time.process_time()
            if min(left_s, left_cpu_s) <= 0:
                break
            if self._is_over.wait(min(left_s, left_cpu_s)):
                return
        self._why = "timeout" if left_s <= 0 else "cpu"
        self._machine.interrupt()
        if self._is_over.wait(INTERRUPT_S):
            return
        with self._settling:
            if not self._is_over.is_set():
                self._send(ENDED, _ended(self._why, 0, is_last=True))
                os._exit(0)

    def _send(self, kind: int, payload: bytes) -> None:
        out, err = (bytes(stream.kept) for stream in (self._instance.stdout, self._instance.stderr))
        self._answers.write(LOGS, len(out).to_bytes(4, "little") + out + err)
        self._answers.write(kind, payload)

    def _tell(self, progress: str) -> None:
        """Hand on progress, unless there was too much of it just now."""
        now = time.monotonic()
        self._reports = min(_BURST_REPORTS, self._reports + (now - self._reported_at) * _REPORTS_PER_S)
        self._reported_at = now
        if self._reports >= 1 and len(progress) <= _MAX_PROGRESS_CHARS:
            self._reports -= 1
            self._answers.write(channel.PROGRESS, progress.encode())


def _ended(why: str, status: int, *, is_last: bool = False) -> bytes:
    return json.dumps({"why": why, "status": status, "is_last": is_last}).encode()


def _channels() -> tuple[Channel, Channel]:
    """Standard input and output, moved to where nothing else writes by chance."""
    orders, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return Channel(orders), Channel(answers)


if __name__ == "__main__":
    main(sys.argv[1])
