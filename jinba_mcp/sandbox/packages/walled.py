"""Runs builds of packages behind walls: their code is a stranger's, and a wheel (or a wish) is all that comes out.

Own user, PID, mount, network, IPC, UTS and cgroup namespaces; a read-only tree without the server's files; a /tmp of
its own; no capabilities, a system call filter, resource limits; and a deadline that ends the whole PID namespace.
Where namespaces cannot be made nothing is built, because nothing else can end all that a build may leave behind.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread

from jinba_mcp.sandbox.local import mounts, seccomp
from jinba_mcp.sandbox.local.runtime import Runtime, runtime
from jinba_mcp.sandbox.local.users import map_user
from jinba_mcp.sandbox.packages import footprints

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from guest.building import main; main()"
_SOURCES = "/opt/source"
_MAX_HEADER_BYTES = 64 * 1024
_MAX_NEEDS, _MAX_NEED_CHARS = 100, 300
_KEPT_LOG_BYTES = 16 * 1024
_END_TIMEOUT_S = 10.0
_SHOWN_CHARS, _SHOWN_LINES = 1_000, 8
_WHEEL_NAME = re.compile(r"[A-Za-z0-9._+!-]{1,250}\.whl")
_ADDRESS = re.compile(r"[a-z+]+://[^\s'\"`)]+|(?<![\w.])/[^\s'\"`):]+")
_INSIDE = re.compile(r"/tmp/source/(?:[^\s/]+/)?")  # noqa: S108  the guest's own


class BuildFailed(Exception):
    """A package was not built; the message says why, in words for its author."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one build may use."""

    timeout_s: float = 300.0
    cpu_s: int = 900
    memory_bytes: int = 3 * 1024**3
    """Address space of each process, and resident memory of all together; what is in its /tmp is not counted."""
    process_count: int = 64
    tmp_bytes: int = 1024**3
    wheel_bytes: int = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Order:
    """An archive to build, the folder of what its build needs, and which requirements that came from.

    Without `given`, nothing is asked, and there is a wheel or none.
    """

    archive: Path
    tools: Path
    given: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A wheel, in the folder that was given for it; or more requirements, which nobody has checked."""

    wheel: Path | None = None
    needs: tuple[str, ...] = ()


async def build(order: Order, scratch: Path, *, cache_dir: Path, python: Path, bounds: Bounds) -> Answer:
    """Run one build, and leave its wheel in `scratch`, an empty folder. The wheel is unread: any bytes at all.

    Raises:
        BuildFailed: it failed, went over a bound, or cannot be walled in.
        OSError: this machine is out of room.
    """
    parts = await anyio.to_thread.run_sync(runtime, cache_dir)
    message = _message(order, parts, python, bounds)
    written, log = _Written(scratch / "answer", bounds.wheel_bytes + _MAX_HEADER_BYTES), _Log()
    await _run(message, [str(python), "-I", "-S", "-c", _BOOT, str(parts.base)], written, log, bounds)
    try:
        return await anyio.to_thread.run_sync(_taken, written.path, scratch)
    except (ValueError, RecursionError):
        raise BuildFailed(f"its build failed. Its last words: {log.last_words}") from None


def _message(order: Order, parts: Runtime, python: Path, bounds: Bounds) -> bytes:
    shown = mounts.shown(mounts.Python.at(str(python)), parts, order.tools)
    source = f"{_SOURCES}/{order.archive.name}"
    try:
        program = seccomp.program("build", network=False)
    except seccomp.NoFilter as error:
        raise _unwalled(str(error)) from None
    config: dict[str, Any] = {
        "root": str(parts.root),
        "shown": shown | {source: str(order.archive)},
        "filter": program.hex(),
        "limits": {name: value for name, value in asdict(bounds).items() if name != "timeout_s"},
        "tools": mounts.PACKAGES,
        "backend": f"{mounts.RUNTIME}/base/guest/backend.py",
        "source": source,
        "given": None if order.given is None else list(order.given),
    }
    return json.dumps(config).encode()


async def _run(message: bytes, command: list[str], written: "_Written", log: "_Log", bounds: Bounds) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        ours.send(message)
        async with await anyio.open_process(
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        ) as process:
            theirs.close()
            try:
                with anyio.fail_after(bounds.timeout_s):
                    await _introduced(ours, process.pid)
                    await _watched(process, written, log, bounds)
            except TimeoutError:
                raise BuildFailed(f"its build took longer than {bounds.timeout_s:g} seconds and was stopped") from None
            finally:
                _end(process)
                with anyio.move_on_after(_END_TIMEOUT_S, shield=True):
                    await process.wait()


async def _watched(process: anyio.abc.Process, written: "_Written", log: "_Log", bounds: Bounds) -> None:
    footprint = footprints.Watch(process.pid, bounds.memory_bytes)
    async with anyio.create_task_group() as watching:
        watching.start_soon(footprint.watch, partial(_end, process))
        async with anyio.create_task_group() as reading:
            reading.start_soon(written.take, process.stdout, partial(_end, process))
            reading.start_soon(log.take, process.stderr)
        await process.wait()
        watching.cancel_scope.cancel()
    if footprint.is_over:
        raise BuildFailed(f"its build took more than {bounds.memory_bytes // 1024**2} MB of memory and was stopped")
    if written.is_over:
        raise BuildFailed(f"its wheel is larger than {bounds.wheel_bytes // 1024**2} MB")


def _end(process: anyio.abc.Process) -> None:
    """End all of a build. Whoever then waits for `process` waits for all of it."""
    first = footprints.children(process.pid)
    with contextlib.suppress(ProcessLookupError):
        for pid in first:
            descriptor = os.pidfd_open(pid)
            try:
                if pid in footprints.children(process.pid):
                    # The first of its PID namespace: the kernel ends all others, and only then it has ended itself.
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)
        if not first:
            process.kill()


async def _introduced(control: socket.socket, pid: int) -> None:
    """Give it a user of its own, and wait until the walls stand. Raises BuildFailed with what is in the way."""
    said = b"map"
    try:
        while said != b"ready":
            await anyio.wait_readable(control)
            said = control.recv(4096)
            if said == b"map":
                map_user(pid)
                control.send(b"mapped")
            elif said != b"ready":
                raise _unwalled(said.decode(errors="replace") or "the program that makes the walls ended")
    except OSError as error:
        raise _unwalled(str(error)) from error


class _Written:
    """What comes on a stream, in a file; too much of it is the end."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.is_over = False
        self._max_bytes = max_bytes

    async def take(self, stream: anyio.abc.ByteReceiveStream | None, end: footprints.End) -> None:
        size_bytes = 0
        async with await anyio.open_file(self.path, "wb") as file:
            async for chunk in stream or ():  # type: ignore[union-attr]  # it was asked for
                size_bytes += len(chunk)
                if size_bytes > self._max_bytes:
                    self.is_over = True
                    end()
                    return
                await file.write(chunk)


class _Log:
    """The end of what a build says."""

    def __init__(self) -> None:
        self._kept = b""

    async def take(self, stream: anyio.abc.ByteReceiveStream | None) -> None:
        async for chunk in stream or ():  # type: ignore[union-attr]  # it was asked for
            self._kept = (self._kept + chunk)[-_KEPT_LOG_BYTES:]

    @property
    def last_words(self) -> str:
        """A few lines in one, without paths of this machine."""
        text = _ADDRESS.sub("…", _INSIDE.sub("", self._kept.decode(errors="replace")))
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        joined = " | ".join(lines[-_SHOWN_LINES:])[-_SHOWN_CHARS:]
        return "".join(char if char.isprintable() else "?" for char in joined) or "none"


def _taken(answer: Path, scratch: Path) -> Answer:
    """Raises ValueError if it is none."""
    with answer.open("rb") as stream:
        header = json.loads(stream.readline(_MAX_HEADER_BYTES))
        name, needs = (header.get("wheel"), header.get("needs")) if isinstance(header, dict) else (None, None)
        if isinstance(name, str) and _WHEEL_NAME.fullmatch(name):
            wheel = scratch / name
            with wheel.open("xb") as file:
                while chunk := stream.read(1024 * 1024):
                    file.write(chunk)
            return Answer(wheel=wheel)
    if not isinstance(needs, list) or not all(_is_need(need) for need in needs) or len(needs) > _MAX_NEEDS:
        raise ValueError("no answer")
    return Answer(needs=tuple(needs))


def _is_need(need: object) -> bool:
    return isinstance(need, str) and len(need) <= _MAX_NEED_CHARS


def _unwalled(why: str) -> BuildFailed:
    return BuildFailed(
        "packages are built only where this server can make namespaces, and here it cannot "
        f"({_ADDRESS.sub('…', why)}); choose versions that have wheels"
    )
