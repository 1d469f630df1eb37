"""What is kept for each version: its environment, the zygote that its workers come from, its compiled code."""

import asyncio
import contextlib
import logging
import re
import socket
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jinba_mcp.domain.errors import SandboxUnavailable, ShuttingDown
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.engine import Bundle, Program
from jinba_mcp.sandbox.local.zygotes import Blueprint, Nursery, Start

_MODULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}(\.[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}")
_MAX_MODULES = 5_000
_log = logging.getLogger(__name__)


class Door(Protocol):
    """One sandbox's way out."""

    async def aclose(self) -> None: ...


class Egress(Protocol):
    """Serves the way out of sandboxes' networks."""

    def serve(self, network: Any, listener: socket.socket | Listener) -> Door:
        """Let through what `network` allows of what comes to `listener`, which is taken over."""
        ...


class Environments(Protocol):
    """Where packages are installed."""

    async def environment_for(self, bundle: Bundle, report: Reporter | None = None) -> Path | None:
        """The folder of a bundle's packages, kept until `release`; None for a bundle without any.

        Raises:
            EnvironmentFailed: they cannot be installed (now).
        """
        ...

    def release(self, digest: str) -> None:
        """No process reads it any more."""
        ...


Plan = Callable[[Bundle, Path | None, Sequence[str]], Blueprint]
"""The blueprint of a bundle's zygote, from its environment and the modules to import beforehand."""


@dataclass(eq=False)
class Home:
    """One version's place. Its zygote may be replaced by a better one at any time."""

    bundle: Bundle
    zygote: Nursery | None = None
    codes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Compiled code by the name that it bears and its source, as workers made it; only ever given to other workers of
    the same."""
    modules: frozenset[str] = frozenset()
    """What its tools import: the next zygote has them already."""
    shared: frozenset[str] = frozenset()
    """What of that this one has."""
    traced: set[str] = field(default_factory=set)
    """Tools whose imports are known."""
    environment: Path | None = None
    starting: asyncio.Task[None] | None = None
    improving: asyncio.Task[None] | None = None
    is_plain: bool = False
    """Nothing may be imported beforehand: it would start threads, or does not end."""

    @property
    def is_ready(self) -> bool:
        return self.zygote is not None and self.zygote.is_alive and not self.zygote.is_retired

    def code_of(self, program: Program) -> bytes | None:
        return self.codes.get((program.shown, program.code))

    def keep_code(self, program: Program, code: bytes) -> None:
        self.codes.setdefault((program.shown, program.code), code)


class Homes:
    """The homes of the `max_count` versions that were used last."""

    def __init__(  # noqa: PLR0913  all that it is made of, said once
        self,
        start: Start,
        plan: Plan,
        environments: Environments | None,
        egress: Egress | None,
        *,
        max_count: int,
        on_gone: Callable[[str], None],
    ) -> None:
        """`on_gone` hears the digest of a version that is no longer here in any form."""
        self._start_nursery = start
        self._plan = plan
        self._environments = environments
        self._egress = egress
        self._max_count = max_count
        self._on_gone = on_gone
        self._homes: OrderedDict[tuple[str, object], Home] = OrderedDict()
        self._alive: dict[Nursery, str] = {}
        self._doors: dict[Nursery, Door] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._preparing: list[str] = []

    def known(self, bundle: Bundle) -> Home | None:
        """Its home, if a worker can be ordered there at once."""
        home = self._homes.get((bundle.digest, bundle.network))
        return home if home is not None and home.is_ready else None

    async def ready(
        self, bundle: Bundle, report: Reporter | None = None, modules: frozenset[str] = frozenset()
    ) -> Home:
        """Its home, with a zygote that takes orders; a first one has `modules` already.

        Raises:
            SandboxUnavailable: no zygote can be started.
            EnvironmentFailed: its packages cannot be installed.
        """
        key = (bundle.digest, bundle.network)
        home = self._homes.get(key)
        if home is None:
            home = self._homes[key] = Home(bundle, modules=modules)
        self._homes.move_to_end(key)
        self._make_room()
        if not home.is_ready:
            # One start for all who wait.
            if home.starting is None or home.starting.done():
                home.starting = self.spawned(self._start(home, report))
            await _shared(home.starting)
        return home

    def learn(self, home: Home, tool: str, modules: object) -> None:
        """Note that a tool imports these modules, for the next zygote."""
        home.traced.add(tool)
        if home.is_plain or not isinstance(modules, list) or len(modules) > _MAX_MODULES:
            return
        named = {name for name in modules if isinstance(name, str) and _MODULE_NAME.fullmatch(name)}
        # A tool may make its workers say other names at each run, and these are kept as long as the version.
        if len(home.modules | named) <= _MAX_MODULES:
            home.modules |= named

    def improve(self, home: Home) -> None:
        """Have what was learnt imported in a new zygote, which takes over once it stands."""
        is_improving = home.improving is not None and not home.improving.done()
        if not (home.is_plain or is_improving or home.modules <= home.shared) and home.is_ready:
            home.improving = self.spawned(self._improve(home))

    def discard(self, digest: str) -> None:
        """Let go of a version; its zygote ends with its last worker."""
        for key in [key for key in self._homes if key[0] == digest]:
            self._let_go(self._homes.pop(key))

    async def close(self) -> None:
        """End every zygote, and wait until they are gone."""
        self._homes.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for zygote in tuple(self._alive):
            zygote.kill()
            zygote.died()
        # Their doors are being closed.
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawned(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work in the background, which ends at the latest with `close`."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _start(self, home: Home, report: Reporter | None) -> None:
        digest = home.bundle.digest
        # A former zygote may be dying meanwhile, and would take along the packages of the one that follows it.
        self._preparing.append(digest)
        try:
            await self._furnish(home, report)
        finally:
            self._preparing.remove(digest)
            self._release_unused(digest)

    async def _furnish(self, home: Home, report: Reporter | None) -> None:
        if self._environments is not None:
            home.environment = await self._environments.environment_for(home.bundle, report)
        modules = frozenset[str]() if home.is_plain else home.modules
        try:
            zygote = await self._zygote(home, await self._blueprint(home, modules))
        except SandboxUnavailable:
            if not modules:
                raise
            # Perhaps what it was to import has ended it.
            modules = home.modules = frozenset()
            zygote = await self._zygote(home, await self._blueprint(home, modules))
        if self._homes.get((home.bundle.digest, home.bundle.network)) is not home:
            # Discarded meanwhile. Who still waits for it makes a new home.
            zygote.retire()
        home.zygote, home.shared = zygote, modules

    async def _improve(self, home: Home) -> None:
        modules = home.modules
        try:
            blueprint = await self._blueprint(home, modules)
            if not blueprint.preimport:
                # This tier shares nothing that is a stranger's.
                home.is_plain = True
                return
            better = await self._zygote(home, blueprint)
        except SandboxUnavailable as error:
            self._be_plain(home, error.message)
            return
        if better.thread_count > 1:
            better.kill()
            self._be_plain(home, "they start threads when they are imported")
        elif not (home.is_ready and better.thread_count):
            # One of the two has died meanwhile. Where it was the former, the next one imports all this at once.
            better.kill()
        else:
            former, home.zygote, home.shared = home.zygote, better, modules
            if former is not None:
                former.retire()

    def _be_plain(self, home: Home, why: str) -> None:
        home.is_plain = True
        _log.info(
            "packages are imported by each worker, not once for all",
            extra={"event": "sandbox.preimport_refused", "toolset": home.bundle.toolset, "reason": why},
        )

    async def _blueprint(self, home: Home, modules: frozenset[str]) -> Blueprint:
        try:
            # In a thread: what the first of all needs is made now.
            return await asyncio.to_thread(self._plan, home.bundle, home.environment, sorted(modules))
        except (OSError, RuntimeError) as error:  # the latter where no thread can be started
            raise SandboxUnavailable(f"A sandbox could not be prepared: {error}. Try again later.") from error

    async def _zygote(self, home: Home, blueprint: Blueprint) -> Nursery:
        zygote = await self._start_nursery(blueprint, self._died)
        self._alive[zygote] = home.bundle.digest
        listener, zygote.listener = zygote.listener, None
        if listener is not None and self._egress is not None:
            self._doors[zygote] = self._egress.serve(home.bundle.network, listener)
        return zygote

    def _died(self, zygote: Nursery) -> None:
        digest = self._alive.pop(zygote, "")
        self._release_unused(digest)
        self._leave(digest)
        door = self._doors.pop(zygote, None)
        if door is not None:
            self.spawned(_closed(door))

    def _release_unused(self, digest: str) -> None:
        """Let go of a version's packages once no zygote has them, nor one that is on its way."""
        is_used = digest in self._preparing or digest in self._alive.values()
        if self._environments is not None and not is_used:
            self._environments.release(digest)

    def _make_room(self) -> None:
        while len(self._homes) > self._max_count:
            _key, home = self._homes.popitem(last=False)
            self._let_go(home)

    def _let_go(self, home: Home) -> None:
        if home.zygote is not None:
            home.zygote.retire()
        self._leave(home.bundle.digest)

    def _leave(self, digest: str) -> None:
        """Have everything of a version gone once neither it nor a zygote of it is here any more."""
        if digest not in self._alive.values() and not any(digest == kept for kept, _network in self._homes):
            self._on_gone(digest)


async def _shared(work: asyncio.Task[None]) -> None:
    """Wait for work that others wait for too: cancelling the one who waits does not stop it."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        if work.cancelled():
            # Not who waits was cancelled, but the work, which only `close` does.
            raise ShuttingDown from None
        raise


async def _closed(door: Door) -> None:
    with contextlib.suppress(OSError):
        await door.aclose()
