"""What a machine runs for each call: reads one request, runs the tool in a child of its own, and answers in frames.

The request is one line of JSON on standard input. Frames are ASCII lines on standard output, since not every provider
hands bytes on unharmed: `O` and `E` (what the tool printed, base64), `P` (progress, JSON), `R` (the result, base64) and
at the end one `X` (how it ended, JSON). A line `stop` on standard input ends the tool at once.

The child is of the same user as this program, so whoever controls the child can forge frames: those of its own run.
"""

import base64
import contextlib
import ctypes
import fcntl
import json
import math
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from jinba_mcp.sandbox.guest import tools

MAX_REQUEST_BYTES = 64 * 1024 * 1024
MAX_PROGRESS_COUNT = 1_000
ADDRESS_SPACE_BYTES = 256 * 1024 * 1024
"""What the interpreter maps without using it; the limit of memory counts on top."""
_CHUNK_BYTES = 48 * 1024
_CHANNEL = 20
"""Descriptors below belong to the standard streams and whatever the interpreter opens."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_OOM_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def main() -> None:
    """Serve the one request that comes on standard input."""
    tools.preload()
    request = json.loads(_read_line())
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    Watch(request).serve()


class Watch:
    """The parent's side of one run: passes on what the child writes, and ends it in time."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._limits = request["limits"]
        self._selector = selectors.DefaultSelector()
        self._room = {"O": self._limits["log_bytes"] + 1, "E": self._limits["log_bytes"] + 1}
        self._channel = bytearray()
        self._progress_count = 0
        self._end: dict[str, Any] = {"limit": None, "signal": None, "code": None}

    def serve(self) -> None:
        wakeup, ours = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        home = tempfile.mkdtemp(prefix="run-")
        child, pipes = self._started(home)
        for fd, kind in [*pipes.items(), (wakeup, "wakeup"), (0, "stop")]:
            os.set_blocking(fd, fd == 0)
            self._selector.register(fd, selectors.EVENT_READ, kind)
        self._watch(child)
        for fd, kind in pipes.items():
            while self._pass_on(fd, kind):
                pass
        _kill_leftovers()
        shutil.rmtree(home, ignore_errors=True)
        _write("X", json.dumps(self._end).encode())

    def _started(self, home: str) -> tuple[int, dict[int, str]]:
        (out, child_out), (err, child_err), (channel, child_channel) = os.pipe(), os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            _be_the_tool(self._request, home, child_out, child_err, child_channel)
        for fd in (child_out, child_err, child_channel):
            os.close(fd)
        return child, {out: "O", err: "E", channel: "channel"}

    def _watch(self, child: int) -> None:
        deadline = time.monotonic() + self._limits["timeout_s"]
        while not self._has_ended(child):
            # Once it is killed, what comes next is the news of its end.
            remaining_s = max(0.0, deadline - time.monotonic()) if self._end["limit"] is None else None
            for key, _ in self._selector.select(remaining_s):
                if key.data == "stop":
                    self._read_order(child)
                elif key.data == "wakeup":
                    os.read(key.fd, 64)
                elif not self._pass_on(key.fd, key.data):
                    self._selector.unregister(key.fd)
            if time.monotonic() >= deadline and self._end["limit"] is None:
                self._kill(child, "timeout")

    def _has_ended(self, child: int) -> bool:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid == 0:
            return False
        if os.WIFSIGNALED(status):
            self._end["signal"] = os.WTERMSIG(status)
            if self._end["limit"] is None and self._end["signal"] == signal.SIGKILL:
                self._end["limit"] = self._guess(usage.ru_utime + usage.ru_stime)
        else:
            self._end["code"] = os.WEXITSTATUS(status)
        return True

    def _guess(self, used_s: float) -> str | None:
        """Who else but the kernel kills: for its time on the processor, or for memory."""
        if used_s >= self._limits["cpu_s"]:
            return "cpu"
        return "memory" if _was_out_of_memory() else None

    def _read_order(self, child: int) -> None:
        order = os.read(0, 4096)
        if not order:
            self._selector.unregister(0)  # some providers close it right after the request
        elif b"stop" in order:
            self._kill(child, "stopped")

    def _kill(self, child: int, limit: str) -> None:
        self._end["limit"] = limit
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    def _pass_on(self, fd: int, kind: str) -> bool:
        """Pass on what there is to read; False when there is, for now or for ever, no more."""
        try:
            chunk = os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if kind == "channel":
            self._pass_lines_on(chunk)
        elif self._room[kind] and chunk:
            # What is over is read and dropped: a tool that prints too much is cut, not stopped.
            kept = chunk[: self._room[kind]]
            self._room[kind] -= len(kept)
            _write(kind, base64.b64encode(kept))
        return bool(chunk)

    def _pass_lines_on(self, chunk: bytes) -> None:
        self._channel += chunk
        if len(self._channel) > 3 * self._limits["output_bytes"] + _CHUNK_BYTES:
            self._channel.clear()
        if b"\n" not in chunk:
            return
        *lines, self._channel = self._channel.split(b"\n")
        for line in lines:
            kind, _, payload = line.partition(b" ")
            if kind == b"P" and self._progress_count < MAX_PROGRESS_COUNT:
                self._progress_count += 1
                _write("P", bytes(payload))
            elif kind == b"R":
                _write("R", bytes(payload))


def _be_the_tool(request: dict[str, Any], home: str, stdout: int, stderr: int, channel: int) -> NoReturn:
    """In the child: enter the limits, run, write the result to the channel, and end without any clearing up."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        channel = _arrange(stdout, stderr, channel)
        _enter_limits(request["limits"])
        os.environ.clear()
        os.environ.update({"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home})
        os.environ.update(request["env"])
        tempfile.tempdir = None
        os.chdir(home)
        result = _described(request) if request["do"] == "describe" else _called(request, channel)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        _write_all(channel, b"R %b\n" % base64.b64encode(result))
    finally:
        os._exit(0)


def _arrange(stdout: int, stderr: int, channel: int) -> int:
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    high = fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, _CHANNEL)
    null = os.open(os.devnull, os.O_RDONLY)
    for fd, to in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(fd, to)
    os.closerange(3, high)
    os.closerange(high + 1, 1024)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # they are what the interpreter opened
    return high


def _enter_limits(limits: dict[str, Any]) -> None:
    cpu_s = math.ceil(limits["cpu_s"])
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_DATA, limits["memory_bytes"], limits["memory_bytes"]),
        (
            resource.RLIMIT_AS,
            limits["memory_bytes"] + ADDRESS_SPACE_BYTES,
            limits["memory_bytes"] + ADDRESS_SPACE_BYTES,
        ),
        (resource.RLIMIT_FSIZE, limits["tmp_bytes"], limits["tmp_bytes"]),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 256, 256),
    ):
        with contextlib.suppress(ValueError, OSError):  # the provider's own limit may be lower
            resource.setrlimit(kind, (soft, hard))


def _called(request: dict[str, Any], channel: int) -> bytes:
    def send(done: float, total: float | None, message: str | None) -> None:
        _write_all(channel, b"P %b\n" % json.dumps([done, total, message]).encode())

    try:
        tool = tools.load(request["code"], shown=request["shown"], entrypoint=request["entrypoint"])
    except tools.CodeFault as fault:
        return json.dumps({"ok": False, "fault": _fault(fault)}).encode()
    tools.reporting(send)
    return tool.call(json.dumps(request["arguments"]).encode(), request["limits"]["output_bytes"])


def _described(request: dict[str, Any]) -> bytes:
    try:
        tool = tools.load(request["code"], shown=request["shown"], entrypoint=request["entrypoint"])
        return json.dumps({"ok": True, "signature": tool.describe()}).encode()
    except tools.CodeFault as fault:
        return json.dumps({"ok": False, "fault": _fault(fault)}).encode()


def _fault(fault: tools.CodeFault) -> dict[str, Any]:
    return {"message": fault.message, "line": fault.line, "column": fault.column}


def _read_line() -> bytes:
    line = bytearray()
    while b"\n" not in line:
        chunk = os.read(0, 1024 * 1024)
        if not chunk or len(line) > MAX_REQUEST_BYTES:
            sys.exit("no request came")
        line += chunk
    request, _, more = line.partition(b"\n")
    if b"stop" in more:
        sys.exit("stopped before it began")
    return bytes(request)


def _write(kind: str, payload: bytes) -> None:
    _write_all(1, b"%b %b\n" % (kind.encode(), payload))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_leftovers() -> None:
    """End what the tool left running; as a subreaper, this process is the parent of all of it by now."""
    for _ in range(100):
        try:
            children = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
        except (OSError, ValueError):
            return
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _was_out_of_memory() -> bool:
    for path in _OOM_EVENTS:
        with contextlib.suppress(OSError):
            words = Path(path).read_text().split()
            if "oom_kill" in words:
                return words[words.index("oom_kill") + 1] != "0"
    return False
