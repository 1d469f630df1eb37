"""Several server processes on one port: started, replaced when they die or at SIGHUP, and stopped together.

The parent holds what listens and never accepts: connections that wait for a worker outlive it, and go to the next in
its place. A worker is told to stop by the end of a pipe, so that it also stops when the parent is killed.
"""

import json
import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from socket import socket

import anyio
from anyio.abc import Process

from jinba_mcp.cli import server, worker
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.faces.web import metrics
from jinba_mcp.settings import Settings

logger = logging.getLogger(__name__)

BOOT_S = 60.0
"""How long a worker may take until it answers."""
PAUSE_S = 1.0
"""Before a worker that died is replaced, so that one which always does costs little."""
_AFTER_GRACE_S = 5.0
# Without -P the first place to import from is the folder in which somebody typed the command.
_PROGRAM = (sys.executable, "-P", "-m", worker.__name__)


@contextmanager
def listening(host: str, port: int, count: int) -> Iterator[Sequence[socket]]:
    """A socket for each of `count` workers, all on one port.

    Raises:
        Failed: the address is in use, or is none of this machine's.
        Misused: this system cannot hand sockets to workers.
    """
    if count > 1 and sys.platform == "win32":
        raise Misused("--workers: on Windows one process serves; leave it out.")
    with ExitStack() as opened:
        first = opened.enter_context(server.listen(host, port))
        if count == 1 or sys.platform != "linux":
            # Other systems do not spread connections over the sockets of a port, so the workers share this one.
            yield [first] * count
            return
        # It has shown that nobody else listens here, with whom the others would share the port in silence.
        port = first.getsockname()[1]
        first.close()
        yield [opened.enter_context(server.listen(host, port, is_one_of_several=True)) for _ in range(count)]


class Worker:
    """A process that serves. Its parent holds one end of two pipes: one tells it to stay, the other that it answers."""

    def __init__(self, process: Process, life: int, readiness: int) -> None:
        self._process = process
        self._life = os.fdopen(life, "wb", buffering=0)
        self._readiness = os.fdopen(readiness, "rb", buffering=0)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> bool:
        """Whether it answers, as soon as that is known, at the latest after `BOOT_S`."""
        with anyio.move_on_after(BOOT_S):
            await anyio.wait_readable(self._readiness)
            return bool(self._readiness.read(1))
        return False

    def leave(self) -> None:
        """Ask it to end: what it has begun gets the grace of the settings."""
        self._life.close()

    async def ended(self, within_s: float = math.inf) -> int:
        """Its exit status once it has ended, which it is made to after `within_s` seconds."""
        with anyio.move_on_after(within_s):
            await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        status = await self._process.wait()
        self._life.close()
        self._readiness.close()
        return status


class Workers:
    """The workers of one server, one for each of its sockets."""

    def __init__(
        self, settings: Settings, listeners: Sequence[socket], counts: Path, program: Sequence[str] = _PROGRAM
    ) -> None:
        """`counts`: the folder of the metrics that all of them share; `program` takes a `worker.Post` as JSON."""
        self._program = program
        self._host = settings.host
        self._grace_s = settings.shutdown_grace_s + _AFTER_GRACE_S
        self._listeners = listeners
        self._counts = counts
        self._current: dict[int, Worker] = {}
        self._changing = [anyio.Lock() for _ in listeners]

    async def serve(self, on_ready: Callable[[], None]) -> bool:
        """Serve until a signal comes; whether Ctrl-C was that signal.

        Raises:
            Failed: a worker did not come up.
        """
        was_interrupted = False
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async with anyio.create_task_group() as tasks:
                try:
                    tasks.start_soon(self._keep_all, on_ready)
                    async for number in signals:
                        if number != signal.SIGHUP:
                            was_interrupted = number == signal.SIGINT
                            break
                        tasks.start_soon(self._renew_all)
                finally:
                    tasks.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        await self._end_all()
        return was_interrupted

    async def _keep_all(self, on_ready: Callable[[], None]) -> None:
        async with anyio.create_task_group() as booting:
            for slot in range(len(self._listeners)):
                booting.start_soon(self._fill, slot)
        if len(self._current) < len(self._listeners):
            raise Failed("A worker did not come up; what it wrote says why.")
        on_ready()
        async with anyio.create_task_group() as keeping:
            for slot in self._current:
                keeping.start_soon(self._keep, slot)

    async def _keep(self, slot: int) -> None:
        while True:
            kept = self._current[slot]
            status = await kept.ended()
            async with self._changing[slot]:
                if self._current[slot] is not kept:
                    continue  # it was replaced on purpose
                logger.error(
                    "a worker died and is replaced", extra={"event": "worker.died", "pid": kept.pid, "status": status}
                )
                metrics.forget(self._counts, kept.pid)
                is_filled = False
                while not is_filled:
                    await anyio.sleep(PAUSE_S)
                    is_filled = await self._fill(slot)

    async def _renew_all(self) -> None:
        """One after the other, so that all but one serve at any time; who does not come up leaves the old one there."""
        for slot, lock in enumerate(self._changing):
            async with lock:
                old = self._current.get(slot)
                if old is None or not await self._fill(slot):
                    continue
                old.leave()
                # Nobody else knows of it any more, so at the end it is waited for here.
                with anyio.CancelScope(shield=True):
                    await old.ended(self._grace_s)
                metrics.forget(self._counts, old.pid)

    async def _fill(self, slot: int) -> bool:
        started = await self._started(slot)
        is_ready = False
        try:
            is_ready = await started.ready()
        finally:
            if not is_ready:
                with anyio.CancelScope(shield=True):
                    await started.ended(0)
        if is_ready:
            self._current[slot] = started
        else:
            logger.error("a worker did not come up", extra={"event": "worker.failed", "pid": started.pid})
        return is_ready

    async def _started(self, slot: int) -> Worker:
        life_read, life_write = os.pipe()
        ready_read, ready_write = os.pipe()
        theirs = (life_read, ready_write)
        post = worker.Post(
            listener_fd=self._listeners[slot].fileno(),
            life_fd=life_read,
            ready_fd=ready_write,
            host=self._host,
            metrics_folder=str(self._counts),
            # One is enough to install what the packaged ToolSets of the folders need.
            is_loading=slot == 0,
        )
        try:
            process = await anyio.open_process(
                [*self._program, json.dumps(asdict(post))],
                stdin=subprocess.DEVNULL,
                stdout=None,
                stderr=None,
                env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(self._counts)},
                pass_fds=(post.listener_fd, *theirs),
                start_new_session=True,  # Ctrl-C reaches the parent alone, which asks each to end
            )
        except BaseException:
            os.close(life_write)
            os.close(ready_read)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        return Worker(process, life_write, ready_read)

    async def _end_all(self) -> None:
        for each in self._current.values():
            each.leave()
        async with anyio.create_task_group() as ending:
            for each in self._current.values():
                ending.start_soon(each.ended, self._grace_s)
