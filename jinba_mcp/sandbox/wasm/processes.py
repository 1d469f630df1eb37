"""The server's end of one worker process: start it, order runs, end it. What it passes on of a run is hostile."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinba_mcp
from jinba_mcp.domain.runs import NO_LOGS, RunLogs
from jinba_mcp.sandbox import capture
from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import HEADER, framed
from jinba_mcp.sandbox.local.outcomes import Nonsense
from jinba_mcp.sandbox.local.replies import Lost, OnProgress, Reply
from jinba_mcp.sandbox.local.zygotes import Ended
from jinba_mcp.sandbox.wasm import worker

START_S = 60.0
_LATE_S = 2.0
"""How long after the deadline, by its own watch, a worker may say so."""
_CPU_STATUS = 24  # as wait(2) has it: ended by SIGXCPU
_KEPT_VARIABLES = ("SYSTEMROOT",)  # Windows starts nothing without it


def command(module: str, *arguments: str) -> list[str]:
    """Our own interpreter on a module of ours, with nothing of the environment or the current folder in its path."""
    root = str(Path(jinba_mcp.__file__).parent.parent)
    program = f"import runpy, sys; sys.path.append({root!r}); runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-I", "-c", program, *arguments]


def variables() -> dict[str, str]:
    """The environment of a child: nothing of the server's."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


class Process:
    """A worker. `on_ready` is called once: when it can be called, or when it has been lost before that."""

    def __init__(self, compiled: Path, on_ready: Callable[["Process"], None]) -> None:
        self.run_count = 0
        self._compiled = compiled
        self._on_ready = on_ready
        self._process: asyncio.subprocess.Process | None = None
        self._is_usable = self._is_closed = self._is_ending = self._has_begun = False
        self._starting = asyncio.get_running_loop().create_task(self._start())

    @property
    def is_ready(self) -> bool:
        """Whether a run can be ordered now."""
        return self._is_usable and not self._is_closed and self._started.returncode is None

    def close(self) -> None:
        """End it, with the run in it."""
        self._is_closed = True
        self._starting.cancel()
        # One that is ending already is left to end: a signal to it would take its exit status from asyncio.
        if self._process is not None and self._process.returncode is None and not self._is_ending:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def ended(self) -> None:
        """Wait until it is gone."""
        await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            await self._process.wait()

    async def call(
        self, order: bytes, kind: int, payload: bytes, limits: Limits, on_progress: OnProgress | None
    ) -> tuple[Reply, RunLogs]:
        """Order one run and wait for the answer, as long as its limits allow."""
        if not self.is_ready:
            return Lost("closed" if self._is_closed else "died", has_begun=False), NO_LOGS
        self.run_count += 1
        self._is_usable = self._has_begun = False
        output = capture.Output(limits.log_bytes)
        try:
            async with asyncio.timeout(limits.timeout_s + _LATE_S):
                self._stdin.write(framed(channel.SETUP, order) + framed(kind, payload))
                await self._stdin.drain()
                reply = await self._reply(limits, output, on_progress)
            self._is_usable = not self._is_ending
        except TimeoutError:
            reply = Lost("timeout")
        except Nonsense:
            reply = Lost("nonsense")
        except (OSError, EOFError):
            self._is_ending = True
            reply = Lost("closed" if self._is_closed else "died", has_begun=self._has_begun)
        return reply, output.logs()

    @property
    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise OSError("it has not been started")
        return self._process

    @property
    def _stdin(self) -> asyncio.StreamWriter:
        if self._started.stdin is None:
            raise OSError("it has no standard input")
        return self._started.stdin

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(START_S):
                self._process = await asyncio.create_subprocess_exec(
                    *command(worker.__name__, str(self._compiled)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=variables(),
                    start_new_session=True,
                )
                self._is_usable = (await self._frame({channel.READY: 0}))[0] == channel.READY
        except (OSError, EOFError, Nonsense):  # a TimeoutError is an OSError
            self._is_usable = False
        finally:
            if not self._is_usable:
                self.close()
        self._on_ready(self)

    async def _reply(self, limits: Limits, output: capture.Output, on_progress: OnProgress | None) -> Reply:
        most = {
            channel.HELLO: 0,
            channel.PROGRESS: worker.ENVELOPE_BYTES,
            worker.LOGS: 2 * limits.log_bytes + 16,
            worker.ENDED: worker.ENVELOPE_BYTES,
            channel.RESULT: 2 * limits.output_bytes + worker.ENVELOPE_BYTES,
        }
        while True:
            kind, payload = await self._frame(most)
            if kind == channel.HELLO:
                self._has_begun = True
            elif kind == channel.PROGRESS:
                if on_progress is not None:
                    on_progress(payload)
            elif kind == worker.LOGS:
                length = int.from_bytes(payload[:4], "little")
                output.stream("stdout").write_bytes(payload[4 : 4 + length])
                output.stream("stderr").write_bytes(payload[4 + length :])
            elif kind == channel.RESULT:
                return payload
            else:
                told = json.loads(payload)
                self._is_ending = told["is_last"]
                return _lost(told)

    async def _frame(self, most: dict[int, int]) -> tuple[int, bytes]:
        stdout = self._started.stdout
        if stdout is None:
            raise OSError("it has no standard output")
        kind, length = HEADER.unpack(await stdout.readexactly(HEADER.size))
        if length > most.get(kind, -1):
            raise Nonsense("not a frame")
        return kind, await stdout.readexactly(length)


def _lost(told: dict[str, Any]) -> Lost:
    """How the watch or the machine ended a run, in the words that other tiers have for it."""
    if told["why"] == "cpu":
        return Lost("died", Ended(_CPU_STATUS))
    if told["why"] == "died":
        return Lost("died", Ended(int(told["status"]) << 8))
    return Lost("timeout" if told["why"] == "timeout" else "nonsense")
