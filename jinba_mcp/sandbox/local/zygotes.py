"""Starts zygotes and orders workers from them. A zygote's death is the end of its workers, and of nothing else."""

import asyncio
import contextlib
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.guest.boot import MAX_MESSAGE_BYTES
from jinba_mcp.sandbox.guest.namespaces import SIGNALLED
from jinba_mcp.sandbox.local import peers
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.users import map_user

START_TIMEOUT_S = 30.0
_MAX_IMPORTS = 3
_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.25
_END_WAIT_S = 5.0
"""How long after its last word a zygote may take to end."""
_MAX_COMPLAINT_BYTES = 2000
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from guest.boot import main; main(int(sys.argv[2]))"
_NONSENSE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What reading a message raises that is not what it should be."""
_MAX_INTRODUCTIONS = 8


@dataclass(frozen=True)
class Blueprint:
    """All that makes one zygote different from another."""

    tier: Tier
    python: str
    base: Path
    """The folder on the host in which the package `guest` lies."""
    root: Path
    shown: Mapping[str, str]
    readable: Sequence[str]
    writable: Sequence[str]
    guest: str
    """Where the package `guest` lies once the walls stand."""
    paths: Sequence[str]
    zygote_filter: bytes
    worker_filter: bytes
    is_python: bool = True
    """Whether workers are forks that run Python, or become programs; those need a /proc."""
    has_network: bool = False
    executable: Sequence[str] = ()
    """Where nothing can be mounted: what a worker may become, beside what it may read."""
    broker_filter: bytes = b""
    """Where there is no network namespace: has the host answer the `connect` calls."""
    preimport: Sequence[str] = ()

    def message(self) -> bytes:
        """What the zygote is told."""
        config: dict[str, Any] = {
            "tier": self.tier,
            "root": str(self.root),
            "shown": dict(self.shown),
            "readable": list(self.readable),
            "executable": list(self.executable),
            "writable": list(self.writable),
            "guest": self.guest,
            "paths": list(self.paths),
            "zygote_filter": self.zygote_filter.hex(),
            "worker_filter": self.worker_filter.hex(),
            "is_python": self.is_python,
            "has_network": self.has_network,
            "broker_filter": self.broker_filter.hex(),
            "preimport": list(self.preimport),
            "variables": {"HOME": "/tmp", "TMPDIR": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},  # noqa: S108  its own
        }
        return json.dumps(config).encode()


@dataclass(frozen=True)
class Ended:
    """How a worker's process ended, as far as it is known: a status as wait(2) gives it, and processor time."""

    status: int | None = None
    cpu_s: float = 0.0
    was_born: bool = True
    """False where the zygote could not fork."""


Told: TypeAlias = Callable[[Ended], None]


class Nursery(Protocol):
    """Where workers come from: a zygote, or whatever else starts a process on a run's descriptors."""

    is_retired: bool
    listener: socket.socket | Listener | None
    """On which the host serves the way out, if it has one: a socket in its network namespace, or its calls."""

    @property
    def is_alive(self) -> bool:
        """Whether it takes orders."""
        ...

    @property
    def thread_count(self) -> int:
        """Threads of the process that forks; more than one, and forks of it cannot be trusted."""
        ...

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        """Order a worker and hand it these descriptors; `told` hears how it ended, if that was not as it should.

        Raises:
            OSError: it is dead, or drowned in orders.
        """
        ...

    def let_go(self, number: int) -> None:
        """The worker of this number is no longer of interest. A retired nursery ends with its last one."""
        ...

    def retire(self) -> None:
        """Take no more orders, and end as soon as the last worker has."""
        ...

    def kill(self) -> None:
        """End it, with all of its workers; whoever started it is told."""
        ...

    def died(self) -> None:
        """Let go of everything, waiting for the process, which has been killed."""
        ...


@dataclass(eq=False)
class Zygote:
    """A running one; see `Nursery`."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    pidfd: int
    on_death: Callable[[Nursery], None]
    listener: socket.socket | Listener | None = None
    pid: int = 0
    """Of the process that forks, as the host sees it; 0 until it takes orders."""
    is_alive: bool = True
    is_retired: bool = False
    _born: int = 0
    _workers: dict[int, Told] = field(default_factory=dict)

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        try:
            socket.send_fds(self.control, [message], descriptors)
        except ConnectionError:
            # It is dead, and nobody has told us yet.
            self.kill()
            raise
        self._born += 1
        self._workers[self._born] = told
        return self._born

    def let_go(self, number: int) -> None:
        self._workers.pop(number, None)
        if self.is_retired and not self._workers:
            self.kill()

    def retire(self) -> None:
        self.is_retired = True
        if not self._workers:
            self.kill()

    def kill(self) -> None:
        self.is_retired = True
        if self.is_alive:
            self.process.kill()

    @property
    def thread_count(self) -> int:
        try:
            return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208  a count of names is all
        except OSError:
            return 0

    def hear(self) -> None:
        """Read one report of the zygote."""
        try:
            raw = self.control.recv(MAX_MESSAGE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            raw = b""
        if not raw:
            # Gone, or so broken that it closed its only line.
            asyncio.get_running_loop().remove_reader(self.control.fileno())
            self.kill()
            return
        try:
            self._reported(json.loads(raw))
        except _NONSENSE:
            # Packages of strangers ran in there: nonsense ends it.
            self.kill()

    def _reported(self, message: dict[str, Any]) -> None:
        was_born = "ended" in message
        number, status, *rest = message["ended"] if was_born else [*message["unborn"], 0.0]
        told = self._workers.get(int(number))
        if told is not None:
            told(Ended(int(status) if was_born else None, float(rest[0]), was_born))

    def died(self) -> None:
        if not self.is_alive:
            return
        self.is_alive = False
        loop = asyncio.get_running_loop()
        for descriptor in (self.pidfd, self.control.fileno()):
            loop.remove_reader(descriptor)
        self.process.wait()
        os.close(self.pidfd)
        self.control.close()
        if self.listener is not None:
            self.listener.close()
        self.on_death(self)
        for told in tuple(self._workers.values()):
            told(Ended())


Start: TypeAlias = Callable[[Blueprint, Callable[[Nursery], None]], Awaitable[Nursery]]


async def start(
    blueprint: Blueprint, on_death: Callable[[Nursery], None], *, memory_bytes: int | None = None
) -> Zygote:
    """Start a zygote and wait until it takes orders; start another as long as it is killed before that.

    With packages to import there are `_MAX_IMPORTS` of them: perhaps that is what they were killed for. One of Python
    has no more than `memory_bytes` for them, and neither has any worker of it: what does not fit is left to the
    workers, whose own limit is named when they hit it.

    Raises:
        SandboxUnavailable: it could not wall itself in, ended by itself, or was not ready in `START_TIMEOUT_S`; the
            message has its last words.
    """
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            for count in itertools.count(1):
                zygote = await _started(blueprint, on_death, memory_bytes if blueprint.is_python else None)
                if zygote is not None:
                    return zygote
                if blueprint.preimport and count == _MAX_IMPORTS:
                    break
                await asyncio.sleep(min(_PAUSE_S * (count - 1), _LONGEST_PAUSE_S))
    except TimeoutError as error:
        raise SandboxUnavailable(
            f"A sandbox could not be started in {START_TIMEOUT_S:g} s. Try again later."
        ) from error
    raise SandboxUnavailable("A sandbox could not be started: it was killed while it was starting. Try again later.")


async def _started(
    blueprint: Blueprint, on_death: Callable[[Nursery], None], memory_bytes: int | None
) -> Zygote | None:
    try:
        zygote, complaints = _born(blueprint, on_death)
    except OSError as error:
        raise SandboxUnavailable(f"A sandbox could not be started: {error}. Try again later.") from error
    try:
        if memory_bytes is not None:
            # From outside, before any code of strangers runs: nothing in there can raise it again.
            resource.prlimit(zygote.process.pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        await _introduced(zygote, blueprint)
    except (OSError, ValueError, RecursionError) as error:
        was_killed = await _was_killed(zygote)
        words = _last_words(complaints)
        if was_killed and not words:
            return None
        raise SandboxUnavailable(f"A sandbox could not be started: {words or error}") from error
    finally:
        if not zygote.pid:
            zygote.kill()
            zygote.on_death = _forget
            zygote.died()
        os.close(complaints)
    loop = asyncio.get_running_loop()
    loop.add_reader(zygote.control.fileno(), zygote.hear)
    loop.add_reader(zygote.pidfd, zygote.died)
    return zygote


async def _was_killed(zygote: Zygote) -> bool:
    """Whether it has ended, and not by itself."""
    try:
        async with asyncio.timeout(_END_WAIT_S):
            await peers.readable(zygote.pidfd)
    except TimeoutError:
        return False
    return zygote.process.wait() in (-signal.SIGKILL, SIGNALLED + signal.SIGKILL)


def _born(blueprint: Blueprint, on_death: Callable[[Nursery], None]) -> tuple[Zygote, int]:
    """The process as it starts, and the reading end of the pipe with its complaints.

    Raises:
        OSError: there are no descriptors left, or no process can be started; nothing is left over.
    """
    with contextlib.ExitStack() as kept, contextlib.ExitStack() as given:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept.callback(ours.close)
        given.callback(theirs.close)
        complaints, complaints_in = os.pipe()
        kept.callback(os.close, complaints)
        given.callback(os.close, complaints_in)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        for each in (ours, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE_BYTES)
        # From the loop's own thread: the kernel ends the zygote when the thread that started it ends.
        process = subprocess.Popen(
            [blueprint.python, "-I", "-S", "-c", _BOOT, str(blueprint.base), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints_in,
            pass_fds=[theirs.fileno()],
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        kept.callback(process.wait)
        kept.callback(process.kill)
        zygote = Zygote(process, ours, os.pidfd_open(process.pid), on_death)
        kept.pop_all()
    return zygote, complaints


_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    # Each arena reserves address space, which is limited.
    "MALLOC_ARENA_MAX": "2",
    # Symbols bound before the first fork are not looked up again in every worker.
    "LD_BIND_NOW": "1",
    # Importing numpy must not start threads: a process with threads cannot be forked safely.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}


async def _introduced(zygote: Zygote, blueprint: Blueprint) -> None:
    zygote.control.send(blueprint.message())
    for _ in range(_MAX_INTRODUCTIONS):
        message, descriptors, pid = await peers.told(zygote.control, MAX_MESSAGE_BYTES)
        _take_listener(zygote, message, descriptors, is_brokered=bool(blueprint.broker_filter))
        if "map" in message:
            map_user(zygote.process.pid)
            zygote.control.send(b"mapped")
        elif "ready" in message:
            zygote.pid = pid
            return
        elif "failed" in message:
            raise OSError(str(message["failed"]))
    raise OSError("it said much and was never ready")


def _take_listener(
    zygote: Zygote, message: dict[str, Any], descriptors: list[int], *, is_brokered: bool = False
) -> None:
    """Keep the descriptor that is a listener, and no other; the first of them comes before any code of strangers.

    Raises:
        OSError: what came as a listener is no socket.
    """
    try:
        if not descriptors or zygote.listener is not None:
            return
        if is_brokered and message.get("broker"):
            zygote.listener = Listener(descriptors.pop(0))
        elif message.get("listener"):
            zygote.listener = socket.socket(fileno=descriptors[0])
            descriptors.pop(0)
            zygote.listener.setblocking(False)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _last_words(complaints: int) -> str:
    os.set_blocking(complaints, False)
    with contextlib.suppress(OSError):
        return os.read(complaints, _MAX_COMPLAINT_BYTES).decode(errors="replace").strip()[-500:]
    return ""


def _forget(_zygote: Nursery) -> None:
    """Nobody has it yet."""
