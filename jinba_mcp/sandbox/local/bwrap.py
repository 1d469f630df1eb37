"""Tier A': bubblewrap makes the namespaces where we may not, because AppArmor knows its name and not ours.

There is no zygote: each worker is a `bwrap` that becomes a Python, or a program, with the same descriptors and frames.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.guest.namespaces import USER_ID
from jinba_mcp.sandbox.local import mounts
from jinba_mcp.sandbox.local.zygotes import Blueprint, Ended, Nursery, Told

PROGRAM = "bwrap"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from guest.spare import main; main(*map(int, sys.argv[2:]))"
_SIGNALLED = 128
"""What bwrap adds to the number of the signal that ended its child."""


def walls(blueprint: Blueprint, tmp_bytes: int) -> list[str]:
    """The arguments of bwrap by which a worker sees nothing but `shown`, and writes only to a /tmp of its own."""
    arguments = ["--unshare-all", "--die-with-parent", "--as-pid-1", "--new-session", "--cap-drop", "ALL"]
    arguments += ["--clearenv", "--uid", str(USER_ID), "--gid", str(USER_ID), "--hostname", "sandbox"]
    for inside, outside in sorted(blueprint.shown.items()):
        path = Path(outside)
        # /bin is usr/bin on merged systems, and stays a link inside.
        arguments += ["--symlink", str(path.readlink())] if path.is_symlink() else ["--ro-bind", outside]
        arguments.append(inside)
    for name in _DEVICES:
        arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    if not blueprint.is_python:
        arguments += ["--proc", "/proc", "--symlink", "/proc/self/fd", "/dev/fd"]
    arguments += ["--perms", "0700", "--size", str(tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108  inside
    return [*arguments, "--remount-ro", "/", "--chdir", "/tmp", "--"]  # noqa: S108  inside


class Bwrap:
    """A nursery without a zygote (see `Nursery`): it starts a process for each order."""

    def __init__(self, blueprint: Blueprint, program: str, on_death: Callable[[Nursery], None]) -> None:
        self.is_alive = True
        self.is_retired = False
        self.listener: socket.socket | Listener | None = None
        # There is no process to fork from, so none in which packages could be imported beforehand.
        self.thread_count = 0
        self._on_death = on_death
        self._blueprint = blueprint
        self._program = program
        self._is_gone = False
        self._born = 0
        self._workers: dict[int, Told] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        """Those that have not ended, by their pidfd."""

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        if not self.is_alive:
            raise OSError("it has been ended")
        process = self._started(json.loads(message), descriptors)
        pidfd = os.pidfd_open(process.pid)
        self._born += 1
        self._workers[self._born] = told
        self._processes[pidfd] = process
        asyncio.get_running_loop().add_reader(pidfd, self._ended, pidfd, self._born)
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
        if self.is_alive:
            self.is_alive = False
            for process in self._processes.values():
                process.kill()
            asyncio.get_running_loop().call_soon(self.died)

    def died(self) -> None:
        self.kill()
        if not self._is_gone:
            self._is_gone = True
            for pidfd in tuple(self._processes):
                self._forget(pidfd).wait()
            self._on_death(self)
            for told in tuple(self._workers.values()):
                told(Ended())

    def _started(self, order: dict[str, Any], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
        blueprint = self._blueprint
        config = {
            "order": order,
            "paths": list(blueprint.paths),
            "variables": {"HOME": "/tmp", "TMPDIR": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},  # noqa: S108  its own
            "worker_filter": blueprint.worker_filter.hex(),
        }
        config_fd = os.memfd_create("order")
        try:
            os.write(config_fd, json.dumps(config).encode())
            os.lseek(config_fd, 0, os.SEEK_SET)
            passed = (config_fd, *descriptors)
            return subprocess.Popen(
                [*self._command(order), *map(str, passed)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # What bwrap itself has to say stands in the run's own log.
                stderr=descriptors[2],
                pass_fds=passed,
                env={},
                cwd="/",
            )
        finally:
            os.close(config_fd)

    def _command(self, order: dict[str, Any]) -> list[str]:
        base = f"{mounts.RUNTIME}/base"
        shell = walls(self._blueprint, order["tmp_bytes"])
        return [self._program, *shell, self._blueprint.python, "-I", "-S", "-c", _BOOT, base]

    def _ended(self, pidfd: int, number: int) -> None:
        process = self._forget(pidfd)
        _pid, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        told = self._workers.get(number)
        if told is not None and code:
            as_waited = code - _SIGNALLED if code > _SIGNALLED else status
            told(Ended(as_waited, usage.ru_utime + usage.ru_stime))

    def _forget(self, pidfd: int) -> subprocess.Popen[bytes]:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        return self._processes.pop(pidfd)


async def start(blueprint: Blueprint, on_death: Callable[[Nursery], None]) -> Bwrap:
    """What takes orders for this blueprint; nothing runs until one comes.

    Raises:
        SandboxUnavailable: there is no bwrap.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise SandboxUnavailable("There is no program `bwrap`; install the package bubblewrap.")
    return Bwrap(blueprint, program, on_death)
