"""Lets all hostile tools loose behind one kind of walls, beside honest ones, and tells what came of it, as JSON.

A program of its own, because it is run as other users and in other surroundings than the tests.
"""

import asyncio
import contextlib
import dataclasses
import ipaddress
import json
import os
import platform
import secrets
import socket
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.egress.proxy import Proxy
from jinba_mcp.sandbox.engine import Bundle, Limits, Outcome, Program, Setup
from jinba_mcp.sandbox.local import bwrap, zygotes
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox.hostile import scenes
from tests.sandbox.hostile.attacks import LIMITS, Attack
from tests.sandbox.hostile.table import ATTACKS

_AT_ONCE = 8
_END_S = 60.0
_SETTLE_S = 60.0
_SHARED = "shared"
_ADD = "def run(a: int, b: int) -> int:\n    return a + b"
_PUBLIC, _PRIVATE = "93.184.216.34", "127.0.0.1"


class Shelf:
    """Packages that are installed already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packages = {attack.name: attack.packages for attack in ATTACKS if attack.packages}

    async def environment_for(self, bundle: Bundle, report: Reporter | None = None) -> Path | None:
        files = self._packages.get(bundle.digest)
        if files is None:
            return None
        folder = self._folder / bundle.digest
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for path in (self._folder, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    def release(self, digest: str) -> None:
        """They stay."""


class Outside:
    """The network beyond the proxy: a resolver that changes its mind, and a record of who was connected to."""

    def __init__(self) -> None:
        self.dialed: list[str] = []
        self._answers = 0
        self.proxy = Proxy(lookup=self._look_up, connect=self._connect)

    def _look_up(self, host: str) -> Iterable[Any]:
        if host.startswith("rebinding"):
            self._answers += 1
            return [ipaddress.ip_address(_PRIVATE if self._answers % 2 else _PUBLIC)]
        return [ipaddress.ip_address(_PRIVATE if host.startswith("inward") else _PUBLIC)]

    async def _connect(self, addresses: Sequence[Any], _port: int) -> socket.socket:
        self.dialed += map(str, addresses)
        raise ConnectionRefusedError


class Arena:
    """One engine, all attacks."""

    def __init__(self, engine: LocalEngine, scene: scenes.Scene) -> None:
        self._engine = engine
        self._scene = scene
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.complaints: list[str] = []
        self.honest_count = 0

    async def run(self) -> dict[str, list[dict[str, Any]]]:
        """What came of each attack, by its name."""
        honest = asyncio.ensure_future(self._be_honest())
        chosen = [attack for attack in ATTACKS if not attack.machines or platform.machine() in attack.machines]
        seen = await asyncio.gather(*(self._attacked(attack) for attack in chosen))
        honest.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await honest
        return {attack.name: runs for attack, runs in zip(chosen, seen, strict=True)}

    async def _be_honest(self) -> None:
        """Neighbours of the same version, with secrets of their own, one after the other."""
        bundle = Bundle(digest=_SHARED, toolset="hostile-tools", language="python")
        while True:
            env = Env({"SECRET": f"jinba-secret-{secrets.token_hex(8)}"}, ["SECRET"])
            one, two = secrets.randbelow(1000), secrets.randbelow(1000)
            setup = Setup(Program(bundle=bundle, tool="add", entrypoint="run", code=_ADD), Limits(timeout_s=30), env)
            outcome = await self._engine.run(setup, {"a": one, "b": two})
            if outcome.output != one + two:
                self.complaints.append(f"{one} + {two} became {outcome.output!r}, {outcome.error}")
            self.honest_count += 1

    async def _attacked(self, attack: Attack) -> list[dict[str, Any]]:
        async with self._places:
            return [await self._run(attack, step) for step in range(attack.run_count)]

    async def _settled(self) -> None:
        """Until zygotes have taken over that have imported what the tools do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                while work := [task for task in self._engine._homes._tasks if not task.done()]:
                    await asyncio.wait(work)

    async def _run(self, attack: Attack, step: int) -> dict[str, Any]:
        reports: list[str | None] = []
        if attack.packages and step:
            await self._settled()
        try:
            outcome = await self._engine.run(
                _setup(attack, step),
                {"scene": self._scene.told | {"step": step}},
                lambda _done, _total, message: reports.append(message),
            )
        except JinbaError as error:
            return {"error": type(error).__name__, "message": error.message, "stdout": None, "complaints": []}
        except Exception as error:  # noqa: BLE001  what no engine may raise
            return {"error": "raised", "message": repr(error), "stdout": None, "complaints": [f"raised {error!r}"]}
        return _told(attack, outcome, reports)


def _setup(attack: Attack, step: int) -> Setup:
    digest = attack.name if attack.bundle or attack.packages else _SHARED
    fields = {"digest": digest, "toolset": "hostile-tools", "language": "python", "prewarm": "off"}
    bundle = Bundle.model_validate(fields | dict(attack.bundle))
    program = Program(bundle=bundle, tool="attack", entrypoint="run", code=attack.source)
    limits = Limits.model_validate({**LIMITS, **attack.limits})
    return Setup(program, limits, Env(attack.env), f"organization-{step}")


def _told(attack: Attack, outcome: Outcome, reports: list[str | None]) -> dict[str, Any]:
    complaints = []
    if len(reports) > attack.max_reports:
        complaints.append(f"{len(reports)} reports reached the caller")
    try:
        for message in reports:
            (message or "").encode()
        records = [record.model_dump() for record in (outcome.error, outcome.logs) if record is not None]
        whole = [outcome.output, outcome.content, *records]
        json.dumps(whole, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError, TypeError) as error:
        complaints.append(f"what came back cannot be written: {type(error).__name__}: {error}"[:200])
        outcome = dataclasses.replace(outcome, output=None, content=None)
    if len(json.dumps(outcome.output)) > LIMITS["output_bytes"]:
        complaints.append("the output is longer than it may be")
    return {
        "error": outcome.error and outcome.error.name,
        "message": outcome.error and outcome.error.message,
        "output": outcome.output,
        "stdout": outcome.logs.stdout[:50],
        "complaints": complaints + _over(attack, outcome),
    }


def _over(attack: Attack, outcome: Outcome) -> list[str]:
    """Logs that are longer than they may be, with a line that says where they were cut."""
    most = int(attack.limits.get("log_bytes", LIMITS["log_bytes"])) * 4 + 100
    logs = (outcome.logs.stdout, outcome.logs.stderr)
    return ["the log is longer than it may be" for lines in logs if sum(map(len, lines)) > most]


async def main(tier: Tier, folder: Path) -> dict[str, Any]:
    """Fight it out and tell."""
    loop_errors: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: loop_errors.append(repr(told)[:500]))
    tempfile.tempdir = str(folder / "tmp")
    with scenes.scene() as scene:
        before = _own_state(folder)
        outside = Outside()
        engine = LocalEngine(
            folder,
            tier=tier,
            packages=Shelf(folder / "environments"),
            egress=outside.proxy,
            start=bwrap.start if tier is Tier.BWRAP else zygotes.start,
            sizes=pool.Sizes(max_workers=24, max_spares=2),
        )
        arena = Arena(engine, scene)
        try:
            await engine.prepare(Bundle(digest=_SHARED, toolset="hostile-tools", language="python"))
        except JinbaError as error:
            return {"missing": error.message}
        seen = await arena.run()
        try:
            await engine.close()
        except Exception as error:  # noqa: BLE001  what no engine may raise, whatever its tools left
            arena.complaints.append(f"the engine cannot be closed: {error!r}"[:500])
        complaints = arena.complaints + scene.complaints() + await _leftovers(folder, before)
        complaints += [f"a private address was dialed: {each}" for each in outside.dialed if each != _PUBLIC]
    return {"seen": seen, "complaints": complaints + loop_errors, "honest_count": arena.honest_count, "missing": None}


def _own_state(folder: Path) -> dict[str, object]:
    return {
        "descriptors": sorted(path.name for path in Path("/proc/self/fd").iterdir()),
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line],
        "folders": sorted(path.name for path in Path(tempfile.gettempdir()).iterdir()),
        "environment": dict(os.environ),
    }


async def _leftovers(folder: Path, before: dict[str, object]) -> list[str]:
    """What is there now, and was not before; processes may take a moment to be gone."""
    left: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            while left := [*_processes(folder), *_changes(folder, before)]:  # noqa: ASYNC110  processes that are not ours tell nobody
                await asyncio.sleep(0.02)
    shown = [path for part in ("runtimes", "environments") for path in (folder / part).rglob(scenes.LEFT)]
    return left + [f"something was left: {path}" for path in shown]


def _changes(folder: Path, before: dict[str, object]) -> list[str]:
    now = _own_state(folder)
    return [f"{name}: {before[name]} became {now[name]}"[:1000] for name in before if before[name] != now[name]]


def _processes(folder: Path) -> list[str]:
    """Zygotes and what they forked: all have the path of the runtime on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder / "runtimes").encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append(f"process {path.parent.name} is still there")
    return found
