"""The host's end of one worker: arm it, call it, end it. All that comes from it is taken for hostile.

A worker speaks the frames of `guest/channel.py`. There are two kinds:

* Python (`job.command` is None): a fork of the zygote loads the tool. Descriptor 3 is the run's socket, both ways.
* A program (`job.command` is set, e.g. deno's): a fork of the zygote says HELLO, enters the walls and executes the
  command in its /tmp, with the command's variables as its environment. Descriptor 0 is the socket: it brings SETUP
  (JSON of `Job`: env, code, terms), then CALL and DESCRIBE. Descriptor 3 is a pipe (open it as /dev/fd/3, for which a
  zygote of programs has a /proc), on which the program writes READY once it has loaded the tool, any number of
  PROGRESS, and a RESULT for each CALL or DESCRIBE. 1 and 2 are its log. READY and RESULT carry the same JSON as for
  Python; see `guest/session.py`.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import HEADER, framed
from jinba_mcp.sandbox.local import peers
from jinba_mcp.sandbox.local.folders import Folders
from jinba_mcp.sandbox.local.jobs import Job
from jinba_mcp.sandbox.local.logs import Log
from jinba_mcp.sandbox.local.processor import CpuAlarm
from jinba_mcp.sandbox.local.replies import Lost, OnProgress, Reply, Why
from jinba_mcp.sandbox.local.zygotes import Ended, Nursery

_READ_BYTES = 262_144
_MAX_BYTES = {
    channel.HELLO: 0,
    channel.COMPILED: 16 * 1024 * 1024,
    channel.READY: 1024 * 1024,
    channel.PROGRESS: 16 * 1024,
}
_MAX_REPORTS = 100_000
_ENVELOPE_BYTES = 64 * 1024
_CHATTING = frozenset({channel.PROGRESS})
_LOADING = _CHATTING | {channel.READY}
_COMPILING = _LOADING | {channel.COMPILED}
_ANSWERING = _CHATTING | {channel.RESULT}
LOG_DELAY_S = 0.02
"""Most runs end before: their log is read once, when they have answered. Others' is read while they run."""
BIRTH_TIMEOUT_S = 10.0
"""A zygote that has a worker ordered, and none that says HELLO in this time, is stopped or stuck."""
_LAST_READS = 64
END_WAIT_S = 2.0
"""How long after its last word a zygote that lives may take to say how a worker ended, on a machine that is busy."""


class Worker:
    """One process. `on_ready` is called once: when it can be called, or when it has been lost before that."""

    def __init__(self, nursery: Nursery, job: Job, *, is_compiling: bool, folders: Folders | None = None) -> None:
        """Order it. Its socket takes the frames of `send` at once.

        Raises:
            OSError: the zygote is dead, or there are no descriptors left.
        """
        self.code: bytes | None = None
        """The tool's code as this worker compiled it, if that was asked for. Only ever given to other workers."""
        self.greeting = b""
        """The payload of READY."""
        self.lost: Lost | None = None
        self.run_count = 0
        self.pid = 0
        self.on_ready: Callable[[Worker], None] | None = None
        self.tool = job.setup.program.tool
        self._limits = job.setup.limits
        self._is_reused = job.is_reused
        self._alarm: CpuAlarm | None = None
        self._loop = asyncio.get_running_loop()
        self._nursery = nursery
        self._folders = folders
        self._folder: Path | None = None
        self._expected = frozenset({channel.HELLO})
        self._max_result_bytes = 2 * self._limits.output_bytes + _ENVELOPE_BYTES
        self._is_compiling = is_compiling
        self._buffer = bytearray()
        self._unsent = b""
        self._pidfd = -1
        self._waiting: asyncio.Future[Reply] | None = None
        self._on_progress: OnProgress | None = None
        self._report_count = 0
        self._is_closed = self._is_silent = self._is_deaf = False
        self._are_logs_watched = False
        self._ended: Ended | None = None
        self._open(self._ordered(job), is_program=job.command is not None)
        self._timer = self._loop.call_later(BIRTH_TIMEOUT_S, self._give_up_nursery)

    @property
    def is_ready(self) -> bool:
        """Whether a call can be sent now."""
        return channel.READY in self._seen and self.lost is None and not (self._is_closed or self._is_silent)

    def send(self, frames: bytes) -> None:
        """Send as much as fits now, and the rest when there is room."""
        if self._unsent:
            self._unsent += frames
            return
        try:
            sent = self._socket.send(frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            # It has ended; its end of the conversation says so.
            self._is_deaf = True
            return
        if sent < len(frames):
            self._unsent = frames[sent:]
            self._loop.add_writer(self._socket.fileno(), self._send_rest)

    async def call(self, kind: int, payload: bytes, on_progress: OnProgress | None = None) -> Reply:
        """Send one CALL or DESCRIBE and wait for the answer, as long as its limits allow; without one, it is ended."""
        lost = self.lost
        if lost is not None:
            self._read_logs()
            return lost
        self.send(framed(kind, payload))
        # It is at work from here on, so that the rest takes none of the caller's time.
        if self.run_count:
            self.stdout.restart()
            self.stderr.restart()
        self.run_count += 1
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting = waiting
        self._on_progress = on_progress
        self._report_count = 0
        self._expected = _ANSWERING
        self._timer = self._loop.call_later(LOG_DELAY_S, self._take_time)
        try:
            return await waiting
        finally:
            self._waiting = self._on_progress = None
            self._calm()
            self._read_logs()

    def close(self) -> None:
        """End the process, with all that it started, and let go of its descriptors."""
        if self._is_closed:
            return
        # It has been killed when it was lost, be it now.
        self._lose("closed")
        self._is_closed = True
        if self._folders is not None and self._folder is not None:
            self._folders.remove(self._folder, self._pidfd)
        elif self._pidfd >= 0:
            os.close(self._pidfd)
        if self._unsent:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._nursery.let_go(self._number)

    def kill(self) -> None:
        """SIGKILL, which takes along every process of its PID namespace."""
        if not self.pid:
            # Perhaps it has said HELLO already. If not, it cannot say so any more, and ends because of that.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)
            self._met()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _ordered(self, job: Job) -> bytes:
        if self._folders is None:
            return job.order()
        self._folder, user_id = self._folders.make(job.setup.program.bundle.digest)
        private: dict[str, object] = {"folder": str(self._folder), "user_id": user_id}
        if user_id is None:
            # The kernel counts by user, so it would count the server's own threads and those of all other runs.
            private["process_count"] = None
        return job.order(private)

    def _open(self, order: bytes, *, is_program: bool) -> None:
        self._descriptors: list[int] = []
        given: list[int] = []
        try:
            self._socket, theirs = socket.socketpair()
            given.append(theirs.detach())
            for _ in range(3 if is_program else 2):
                reading, writing = os.pipe()
                self._descriptors.append(reading)
                given.append(writing)
                os.set_blocking(reading, False)
            if is_program:
                # Opened anew through /dev/fd, by a user that is not the one who made it.
                os.fchmod(given[-1], 0o666)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._number = self._nursery.order(order, given, self._told)
        except BaseException:
            if given:
                self._socket.close()
            for descriptor in self._descriptors:
                os.close(descriptor)
            if self._folders is not None and self._folder is not None:
                self._folders.remove(self._folder, -1)
            raise
        finally:
            for descriptor in given:
                os.close(descriptor)
        self.stdout, self.stderr = (Log(each, self._limits.log_bytes) for each in self._descriptors[:2])
        self._printed = select.poll()
        for each in self._descriptors[:2]:
            self._printed.register(each, select.POLLIN)
        self._seen: set[int] = set()
        self._result_fd = self._descriptors[2] if is_program else -1
        self._source = self._socket.fileno()
        self._loop.add_reader(self._source, self._read)

    def _meet(self) -> None:
        """The first thing that is heard: which process it is."""
        data = self._met()
        if data is None:
            return
        if data and self._pidfd < 0:
            # Gone already, and yet it has been there: what is loaded twice may have its effects twice.
            self._seen.add(channel.HELLO)
        if not data or self._pidfd < 0:
            self._end_of_talk()
            return
        if self._result_fd >= 0:
            self._loop.remove_reader(self._source)
            self._source = self._result_fd
            self._loop.add_reader(self._source, self._read)
        self._take(data)

    def _met(self) -> bytes | None:
        """What it says first, if it has said something by now."""
        found = peers.heard(self._socket, HEADER.size)
        if found is None:
            return None
        data, self.pid = found
        if self.pid:
            try:
                self._pidfd = peers.held(self.pid, self._socket)
            except OSError:
                return b""
        return data

    def _read(self) -> bool:
        """Take what has come; False if there was nothing."""
        if not self.pid:
            self._meet()
            return bool(self.pid)
        try:
            data = os.read(self._source, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            # The kernel says so of a process that was killed before it had read what we sent.
            self._is_deaf = isinstance(error, ConnectionResetError)
            data = b""
        if data:
            self._take(data)
        else:
            self._end_of_talk()
        return bool(data)

    def _take(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER.size and self.lost is None:
            kind, length = HEADER.unpack_from(buffer)
            if kind not in self._expected or length > _MAX_BYTES.get(kind, self._max_result_bytes):
                self._lose("nonsense")
                return
            end = HEADER.size + length
            if len(buffer) < end:
                return
            payload = bytes(buffer[HEADER.size : end])
            del buffer[:end]
            self._frame(kind, payload)

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == channel.PROGRESS:
            self._report_count += 1
            if self._report_count > _MAX_REPORTS:
                self._lose("nonsense")
            elif self._on_progress is not None:
                self._on_progress(payload)
            return
        self._seen.add(kind)
        if kind == channel.HELLO:
            # Code is taken only here, while none of the tool's own has run.
            self._expected = _COMPILING if self._is_compiling else _LOADING
            self._timer.cancel()
            self._timer = self._loop.call_later(LOG_DELAY_S, self._take_time)
        elif kind == channel.COMPILED:
            self.code = payload
            self._expected = _LOADING
        elif kind == channel.READY:
            self.greeting = payload
            self._expected = _CHATTING
            self._calm()
            self._be_ready()
        elif self._waiting is not None and not self._waiting.done():
            # What is still written, between two runs of a worker that is used again, can only be progress.
            self._expected = _CHATTING
            self._waiting.set_result(payload)

    def _be_ready(self) -> None:
        on_ready, self.on_ready = self.on_ready, None
        if on_ready is not None:
            on_ready(self)

    def _send_rest(self) -> None:
        unsent, self._unsent = self._unsent, b""
        self._loop.remove_writer(self._socket.fileno())
        self.send(unsent)

    def _end_of_talk(self) -> None:
        """It will say no more: wait a moment for the zygote to say why."""
        self._loop.remove_reader(self._source)
        self._is_silent = True
        if self._ended is not None:
            self._lose("died")
        else:
            self._timer.cancel()
            self._timer = self._loop.call_later(END_WAIT_S, self._lose, "died")

    def _told(self, ended: Ended) -> None:
        # A nursery that dies says so too, after what it may have said of this one.
        self._ended = self._ended or ended
        if self._is_silent:
            self._lose("died")

    def _lose(self, why: Why) -> None:
        if self.lost is not None or self._is_closed:
            return
        ended = self._ended or Ended()
        has_begun, has_loaded = (kind in self._seen for kind in (channel.HELLO, channel.READY))
        # With its zygote, before it was sent a call that it could read.
        had_no_call = self._is_deaf or not (has_loaded or self._nursery.is_alive)
        was_killed = had_no_call and ended.status is None
        self.lost = Lost(why, ended, has_begun=has_begun and not was_killed, was_loading=not has_loaded)
        self._loop.remove_reader(self._source)
        self._calm()
        self.kill()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self.lost)
        self._be_ready()

    def _give_up_nursery(self) -> None:
        """Where this one was ordered none is born: end it with all that is in it, and what comes finds another."""
        self._nursery.kill()
        self._lose("died")

    def _take_time(self) -> None:
        """It is none of the quick ones: read what it prints, and end it in time."""
        self._timer = self._loop.call_later(self._limits.timeout_s - LOG_DELAY_S, self._be_late)
        if self._is_reused:
            self._alarm = CpuAlarm(self.pid, self._limits.cpu_s, partial(self._lose, "cpu"))
        self._are_logs_watched = True
        for fd, log in zip(self._descriptors, (self.stdout, self.stderr), strict=False):
            self._loop.add_reader(fd, self._read_log, fd, log)

    def _be_late(self) -> None:
        """The time is up; unless the answer has come, and it is this loop that is late."""
        for _ in range(_LAST_READS):
            if self.lost is not None or self._is_silent or not self._read():
                break
        is_answered = channel.READY in self._seen if self._waiting is None else self._waiting.done()
        if not is_answered and not self._is_silent:
            self._lose("timeout")

    def _read_logs(self) -> None:
        # Most print nothing: that is one question, and not two reads that fail.
        if not self._is_closed and self._printed.poll(0):
            self.stdout.read()
            self.stderr.read()

    def _read_log(self, fd: int, log: Log) -> None:
        if not log.read():
            # Over its limit: who goes on writing waits until the deadline, and costs nothing.
            self._loop.remove_reader(fd)

    def _calm(self) -> None:
        """Nothing is being waited for."""
        self._timer.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._are_logs_watched:
            self._are_logs_watched = False
            for fd in self._descriptors[:2]:
                self._loop.remove_reader(fd)
