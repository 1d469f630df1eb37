"""Finds out what holds here, by trying to break out: versions and settings promise, only a run proves."""

import contextlib
import os
import platform
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jinba_mcp.domain.errors import JinbaError, SandboxUnavailable
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.sandbox.engine import Bundle, Engine, Limits, OutcomeStatus, Program, Setup
from jinba_mcp.sandbox.guest import landlock
from jinba_mcp.sandbox.local import brokering, escapes, tiers
from jinba_mcp.sandbox.local.tiers import Choice, Host, Least, Tier, Wanted

_DIGEST = "self-test"
_LIMITS = Limits(timeout_s=10.0, cpu_s=10.0)
_CANARY, _CANARY_MODE = "a file of the host", 0o644
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")

_findings: dict[Tier, str | None] = {}


class Escape(Record):
    """A door that opened: its name in `escapes`, and what was behind it."""

    name: str
    detail: str


def host() -> Host:
    """What there is to be seen of this machine without trying anything."""
    is_linux = platform.system() == "Linux"
    return Host(
        system=platform.system(),
        is_root=is_linux and os.geteuid() == 0,
        landlock_abi=landlock.abi() if is_linux else 0,
        closed_python=_closed(Path(sys.base_prefix)),
        has_broker=is_linux and brokering.is_possible(),
        has_bwrap=shutil.which("bwrap") is not None,
        is_container=any(Path(mark).exists() for mark in _CONTAINER_MARKS) or "KUBERNETES_SERVICE_HOST" in os.environ,
        is_filtered="\nSeccomp:\t2" in _text("/proc/self/status"),
        sysctl={name: text for name in tiers.SYSCTLS if (text := _text(f"/proc/sys/{name.replace('.', '/')}").strip())},
    )


async def choose(make_engine: Callable[[Tier], Engine], wanted: Wanted, least: Least | None) -> Choice:
    """The first tier that nothing breaks out of; what was found is kept for the life of the process.

    `make_engine` raises `SandboxUnavailable` for a tier that it has no engine for.
    """
    machine = host()
    for tier in tiers.candidates(wanted):
        if tier not in _findings:
            _findings[tier] = tiers.obstacle(tier, machine) or await _failure(make_engine, tier)
        if _findings[tier] is None:
            break
    return tiers.choice(wanted, least, _findings, machine)


async def _failure(make_engine: Callable[[Tier], Engine], tier: Tier) -> str | None:
    try:
        engine = make_engine(tier)
        try:
            found = await probe(engine)
        finally:
            await engine.close()
    except JinbaError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be set up: {error}"
    if found:
        return f"the self-test broke out: {', '.join(escape.name for escape in found)}"
    return None


async def probe(engine: Engine) -> list[Escape]:
    """Run a tool that tries to get out, once; what it managed.

    Raises:
        SandboxUnavailable: the engine cannot run it to its end.
    """
    with _scene() as scene:
        setup = Setup(_program(), _LIMITS)
        try:
            outcome = await engine.run(setup, scene.arguments)
        finally:
            await engine.discard(_DIGEST)
        if outcome.status is not OutcomeStatus.SUCCESS or not isinstance(outcome.output, dict):
            why = f"{outcome.error.name}: {outcome.error.message}" if outcome.error else outcome.status
            raise SandboxUnavailable(f"The self-test of the sandbox did not come to its end: {why}")
        opened = {name: str(detail) for name, detail in outcome.output.items()} | scene.traces()
    return [Escape(name=name, detail=detail) for name, detail in opened.items()]


def _program() -> Program:
    bundle = Bundle(digest=_DIGEST, toolset="self-test", language="python", prewarm="off")
    code = Path(escapes.__file__).read_text(encoding="utf-8")
    return Program(bundle=bundle, tool="escape", entrypoint="run", code=code)


@dataclass
class _Scene:
    """Something of the host's behind each door."""

    folder: Path
    tcp: socket.socket
    datagrams: socket.socket
    listening: list[socket.socket] = field(default_factory=list)

    def abstract(self, name: str) -> str:
        """An address that no other self-test has."""
        return f"@{self.folder.name}-{name}"

    @property
    def arguments(self) -> JsonObject:
        return {
            "canary": str(self.folder / "canary"),
            "folder": str(self.folder / "open"),
            "server": os.getpid(),
            "port": self.tcp.getsockname()[1],
            "addresses": [str(self.folder / "socket"), self.abstract("stream"), self.abstract("datagram")],
        }

    def traces(self) -> dict[str, str]:
        """What is seen from outside, whatever the tool said."""
        traces: dict[str, str] = {}
        canary = self.folder / "canary"
        if canary.read_text() != _CANARY or stat.S_IMODE(canary.stat().st_mode) != _CANARY_MODE:
            traces["change-file"] = "the canary was changed"
        if any((self.folder / "open").iterdir()):
            traces["write-file"] = "there is a new file"
        for name, one in {
            "tcp": self.tcp,
            "unix-socket": self.listening[0],
            "abstract-socket": self.listening[1],
        }.items():
            with contextlib.suppress(BlockingIOError):
                one.accept()[0].close()
                traces[name] = "somebody connected"
        with contextlib.suppress(BlockingIOError):
            self.datagrams.recv(1)
            traces["datagram"] = "a datagram came"
        return traces


@contextlib.contextmanager
def _scene() -> Iterator[_Scene]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jinba-self-test-")))
        # Open to anyone, so that permissions of files do not pass for walls.
        folder.chmod(0o755)
        (folder / "open").mkdir()
        (folder / "open").chmod(0o777)
        (folder / "canary").write_text(_CANARY)
        (folder / "canary").chmod(_CANARY_MODE)
        scene = _Scene(
            folder,
            tcp=stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            datagrams=stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
            listening=[stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)],
        )
        scene.datagrams.bind(_bytes(scene.abstract("datagram")))
        scene.listening[0].bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        scene.listening[1].bind(_bytes(scene.abstract("stream")))
        for one in (scene.tcp, *scene.listening):
            one.listen()
        for one in (scene.tcp, scene.datagrams, *scene.listening):
            one.setblocking(False)
        yield scene


def _bytes(address: str) -> bytes:
    return b"\0" + address[1:].encode()


def _closed(folder: Path) -> str | None:
    """The folder, or the first above it, that others than its owner may not enter."""
    folder = folder.resolve()
    return next((str(each) for each in (folder, *folder.parents) if not each.stat().st_mode & stat.S_IXOTH), None)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
