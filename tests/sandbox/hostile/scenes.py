"""The host's side of the attacks: something worth attacking behind each door, and a look at it afterwards."""

import contextlib
import os
import platform
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinba_mcp.sandbox.local.syscalls import MACHINES

LEFT = "left-by-a-tool"
_PLACES = ("/", "/etc", "/usr/lib", "/usr/local/lib", "/dev", "/dev/shm", "/run", "/var/tmp", "/tmp")  # noqa: S108  the attacks'


@dataclass
class Scene:
    """Files, sockets and a process of the host's, open to anyone so that permissions do not pass for walls."""

    folder: Path
    victim: subprocess.Popen[bytes]
    tcp: socket.socket
    udp: socket.socket
    unix: socket.socket
    abstract: socket.socket
    name: str
    _before: os.stat_result

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    @property
    def told(self) -> dict[str, Any]:
        """What every tool is told, so that it need not search."""
        return {
            "canary": str(self.canary),
            "open_folder": str(self.folder / "open"),
            "kept_folder": str(self.folder / "kept"),
            "server": os.getpid(),
            "victim": self.victim.pid,
            "port": self.tcp.getsockname()[1],
            "udp_port": self.udp.getsockname()[1],
            "unix": str(self.folder / "socket"),
            "abstract": self.name,
            "numbers": dict(MACHINES[platform.machine()].numbers),
            "step": 0,
        }

    def complaints(self) -> list[str]:
        """What happened here although it must not."""
        found = [f"something was left: {path}" for path in self._left()]
        after = self.canary.stat()
        if self.canary.read_text() != "canary" or after.st_mode != self._before.st_mode:
            found.append("the canary was changed")
        if after.st_mtime_ns != self._before.st_mtime_ns or after.st_nlink != 1:
            found.append("the canary was touched or linked")
        if not (self.folder / "kept" / "file").exists():
            found.append("the host's own file was removed")
        if self.victim.poll() is not None or _state(self.victim.pid) in ("T", "t", "Z"):
            found.append("the victim was killed, stopped or traced")
        for name in ("tcp", "unix", "abstract"):
            with contextlib.suppress(BlockingIOError):
                getattr(self, name).accept()[0].close()
                found.append(f"somebody connected to the host by {name}")
        with contextlib.suppress(BlockingIOError):
            self.udp.recv(1)
            found.append("a datagram came")
        return found

    def _left(self) -> list[Path]:
        folders = [Path(place) for place in _PLACES] + [self.folder / "open"]
        left = [folder / LEFT for folder in folders if os.path.lexists(folder / LEFT)]
        return left + [path for path in (self.folder / "open").iterdir() if path.name != LEFT]


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A scene of its own, gone afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostile-scene-")))
        folder.chmod(0o755)
        for name in ("open", "kept"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        for path in (folder / "canary", folder / "kept" / "file"):
            path.write_text("canary")
            path.chmod(0o644)
        victim = stack.enter_context(subprocess.Popen(["sleep", "600"]))
        stack.callback(victim.kill)
        name = f"jinba-hostile-{secrets.token_hex(8)}"
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        unix, abstract = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        unix.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        abstract.bind(f"\0{name}")
        for one in (unix, abstract):
            one.listen()
        for one in (tcp, udp, unix, abstract):
            one.setblocking(False)
        yield Scene(folder, victim, tcp, udp, unix, abstract, name, (folder / "canary").stat())


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
