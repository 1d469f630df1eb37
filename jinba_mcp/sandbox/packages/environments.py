"""Environments: what locks were built into, found again by content, shared by processes, and kept within a size."""

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import anyio.to_thread

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.packages import building, explaining, trees
from jinba_mcp.sandbox.packages.installers import DEFAULT_MAX_BYTES, Installers, Interpreter, Say
from jinba_mcp.sandbox.packages.leases import Hold, taken_within

_log = logging.getLogger(__name__)

LAYOUT = 1
"""Part of every key: another number makes all environments anew."""

_MARKER = "complete.json"
_ATTEMPT_COUNT = 3
_ABANDONED_AFTER_S = 3600.0


class Lease:
    """An environment in use: `path` stays as it is until `close`."""

    def __init__(self, path: Path, hold: Hold) -> None:
        self.path = path
        self._hold = hold

    def close(self) -> None:
        """The environment may be removed from now on."""
        self._hold.close()


class _Flight:
    """A build that is going on, and who wants to hear of it."""

    def __init__(self, build: Callable[[Say], Coroutine[None, None, None]]) -> None:
        self.reports: list[Reporter] = []
        self.task = asyncio.create_task(build(self._say))
        self._said_count = 0

    def _say(self, sentence: str) -> None:
        self._said_count += 1
        for report in self.reports:
            report(self._said_count, None, sentence)


class Environments:
    """Builds each lock once. Environments that were used last are kept, up to `max_bytes` together.

    Under `cache_dir`: `environments/<key>/{python,typescript}`, a marker beside it that is written last, `locks`,
    `building` for what is not whole (yet), and the installers' own caches.
    """

    def __init__(
        self,
        cache_dir: Path,
        *,
        installers: Installers | None = None,
        python: Interpreter | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self._installers = installers or Installers(cache_dir)
        self._python = python or Interpreter.own()
        self._max_bytes = max_bytes
        self._homes, self._locks, self._building = (cache_dir / name for name in ("environments", "locks", "building"))
        for folder in (self._homes, self._locks, self._building):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        self._flights: dict[str, _Flight] = {}
        self._verified: set[str] = set()

    def key(self, lock: Lock) -> str:
        """What the environment is found by: the lock, and what of this machine it depends on.

        The installer's version is no part of it, or every upgrade of this server would fetch all packages again.
        """
        parts = [LAYOUT, lock.kind, lock.text, self._python.version, self._python.platform]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    async def ready(self, lock: Lock, report: Reporter | None = None) -> Path:
        """The environment of `lock`, built if it is not there. It may be removed later, if nobody leases it.

        Raises:
            EnvironmentFailed: its packages cannot be installed (now).
        """
        lease = await self.lease(lock, report)
        lease.close()
        return lease.path

    async def lease(self, lock: Lock, report: Reporter | None = None) -> Lease:
        """The environment of `lock`, built if it is not there, and kept from removal until the lease is closed.

        Raises:
            EnvironmentFailed: its packages cannot be installed (now).
        """
        key = self.key(lock)
        try:
            for _ in range(_ATTEMPT_COUNT):
                if lease := await self._found(key, lock.kind):
                    return lease
                await self._built(key, lock, report)
        except OSError as error:
            raise explaining.disk_fault(error) from error
        raise EnvironmentFailed(
            "There is no room to keep the packages of this version. Have the operator raise the size of the package "
            "cache."
        )

    async def close(self) -> None:
        """Stop the builds that are going on; nothing of them is left."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _found(self, key: str, kind: str) -> Lease | None:
        home = self._homes / key
        if not (home / _MARKER).exists() or (hold := Hold.shared(self._locks / key)) is None:
            return None
        lease = None
        try:
            # Under the hold nobody removes it; the look before may have been just too early.
            if await self._is_usable(home, kind):
                hold.touch()
                lease = Lease(home / kind, hold)
            return lease
        finally:
            if lease is None:
                hold.close()

    async def _is_usable(self, home: Path, kind: str) -> bool:
        if home.name not in self._verified:
            # Once in each process: a crash of the machine or a cleaner of old files may have taken some away.
            if not await anyio.to_thread.run_sync(_is_whole, home, kind):
                return False
            self._verified.add(home.name)
        return (home / _MARKER).exists()

    async def _built(self, key: str, lock: Lock, report: Reporter | None) -> None:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(functools.partial(self._build, key, lock))
            flight.task.add_done_callback(functools.partial(self._landed, key))
        if report is not None:
            flight.reports.append(report)
        try:
            # One caller who gives up does not stop what others wait for, or the next call would.
            await asyncio.shield(flight.task)
        finally:
            if report is not None:
                flight.reports.remove(report)

    def _landed(self, key: str, task: asyncio.Task[None]) -> None:
        del self._flights[key]
        if not task.cancelled():
            # Asked for, since everybody who waited may have gone.
            task.exception()

    async def _build(self, key: str, lock: Lock, say: Say) -> None:
        home = self._homes / key
        with await self._alone(key, say):
            if await anyio.to_thread.run_sync(_is_whole, home, lock.kind):
                return
            with trees.scratch_folder(self._building, f"{key[:16]}-") as scratch:
                tree = scratch / lock.kind
                tree.mkdir()
                await building.build(lock, tree, self._installers, self._python, say)
                await anyio.to_thread.run_sync(_complete, scratch, tree)
                self._discard(home)
                scratch.rename(home)
        _log.info("packages were installed", extra={"event": "packages.installed", "environment": key[:16]})
        try:
            await anyio.to_thread.run_sync(self._shrink, key)
        except OSError:
            # What was asked for is there; that old things stay is for the operator to see.
            _log.warning("old packages cannot be removed", extra={"event": "packages.shrink_failed"}, exc_info=True)

    async def _alone(self, key: str, say: Say) -> Hold:
        """Wait until no other process builds the same."""
        file = self._locks / f"{key}.building"
        if (hold := Hold.alone(file)) is not None:
            return hold
        say("Waiting for another process that installs the same packages")
        if (hold := await taken_within(building.BUILD_TIMEOUT_S, lambda: Hold.alone(file))) is not None:
            return hold
        raise EnvironmentFailed("Another process has been installing the same packages for too long. Try again later.")

    def _discard(self, home: Path) -> None:
        self._verified.discard(home.name)
        if home.exists():
            with trees.scratch_folder(self._building) as scratch:
                # Out of sight in one step, so that nobody meets a half of it.
                home.rename(scratch / home.name)

    def _shrink(self, newest: str) -> None:
        """Remove what was used longest ago until everything fits, except what is in use and what was just made."""
        self._installers.shrink(self._max_bytes)
        self._sweep()
        by_age = sorted((self._used_at(home), home) for home in self._homes.iterdir())
        sizes = {home: _recorded_bytes(home) for _, home in by_age}
        excess_bytes = sum(sizes.values()) - self._max_bytes
        for _, home in by_age:
            if excess_bytes <= 0:
                return
            if home.name == newest or (hold := Hold.alone(self._locks / home.name)) is None:
                continue
            with hold:
                self._discard(home)
            excess_bytes -= sizes[home]

    def _used_at(self, home: Path) -> float:
        try:
            return (self._locks / home.name).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _sweep(self) -> None:
        """Remove what processes left that were killed while they built."""
        for folder in self._building.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if folder.stat().st_mtime < time.time() - _ABANDONED_AFTER_S:
                    trees.remove(folder)


def _complete(scratch: Path, tree: Path) -> None:
    extent = trees.settle(tree)
    (scratch / _MARKER).write_text(json.dumps(dataclasses.asdict(extent)))
    scratch.chmod(0o755)


def _recorded(home: Path) -> trees.Extent | None:
    try:
        return trees.Extent(**json.loads((home / _MARKER).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _recorded_bytes(home: Path) -> int:
    extent = _recorded(home)
    return extent.total_bytes if extent is not None else 0


def _is_whole(home: Path, kind: str) -> bool:
    recorded = _recorded(home)
    try:
        return recorded is not None and trees.measure(home / kind) == recorded
    except OSError:
        return False
