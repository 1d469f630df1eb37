"""Keeps machines: at hand for the next run, bounded in number, deleted when idle."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.sandbox.remote.provider import Machine, Order, ProviderFailed

logger = logging.getLogger(__name__)

DELETE_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 10.0


@dataclass(slots=True, eq=False)
class Kept:
    """One machine; nobody's (`tenant` None) until its first run."""

    machine: Machine
    key: object
    digest: str
    tenant: str | None = None
    lease_count: int = 0
    is_doomed: bool = False
    used_at: float = field(default_factory=time.monotonic)


class Machines:
    """Machines by what they were made for. Without `is_single_use`, a tenant's machine serves its next runs too."""

    def __init__(
        self,
        create: Callable[[Order], Awaitable[Machine]],
        *,
        is_single_use: bool,
        max_count: int,
        spare_count: int,
        idle_s: float,
    ) -> None:
        """At most `max_count` at once, `spare_count` fresh ones for each kind in use; idle ones go after `idle_s`."""
        self._create = create
        self._is_single_use = is_single_use
        self._max_count = max_count
        self._spare_count = spare_count
        self._idle_s = idle_s
        self._kept: list[Kept] = []
        self._making: dict[asyncio.Task[Kept], object] = {}
        self._homes: dict[object, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reaper: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def count(self) -> int:
        """Machines there are, and machines in the making."""
        return len(self._kept) + len(self._making)

    @contextlib.asynccontextmanager
    async def lease(self, order: Order, tenant: str) -> AsyncIterator[Kept]:
        """A machine for one run; set `is_doomed` on it if it must not be used again.

        Raises:
            LimitExceeded: there are `max_count`, all busy.
            ShuttingDown: the pool is closed.
        """
        kept = await self._taken(order, tenant)
        try:
            yield kept
        finally:
            kept.lease_count -= 1
            kept.used_at = time.monotonic()
            if self._is_single_use or kept.is_doomed:
                self._remove(kept)
            if self._is_single_use:
                self.warm(order)

    async def ready(self, order: Order) -> None:
        """Have at least one machine for this order, and wait for it; nobody's yet if it had to be made.

        Raises:
            As `lease`.
        """
        if not any(kept.key == self._key(order) for kept in self._kept):
            await self._awaited(self._made(order))

    def warm(self, order: Order) -> None:
        """Make spares in the background, if there is room. Never fails."""
        key = self._key(order)
        wanted = self._spare_count - sum(1 for kept in self._kept if kept.key == key and kept.tenant is None)
        wanted -= sum(1 for made in self._making.values() if made == key)
        for _ in range(min(wanted, self._max_count - self.count)):
            if not self._is_closed:
                self._made(order).add_done_callback(_let_go)

    async def discard(self, digest: str) -> None:
        """Delete the idle machines of a bundle now, the busy ones after their run."""
        for kept in [kept for kept in self._kept if kept.digest == digest]:
            kept.is_doomed = True
            if kept.lease_count == 0:
                self._remove(kept)

    async def close(self) -> None:
        """Delete all machines, within `CLOSE_TIMEOUT_S`; what is left over then, the next start sweeps up."""
        self._is_closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for kept in list(self._kept):
            self._remove(kept)
        # What is in the making is not cancelled: it would be there in the end, and nobody would know of it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while pending := [*self._tasks, *self._making]:
                    await asyncio.wait(pending)
        for task in [*self._tasks, *self._making]:
            task.cancel()

    def _key(self, order: Order) -> object:
        limits = order.limits
        if not self._is_single_use:
            return order.bundle.digest
        return order.bundle.digest, limits.memory_bytes, limits.process_count, limits.tmp_bytes

    async def _taken(self, order: Order, tenant: str) -> Kept:
        key = self._key(order)
        if self._is_single_use:
            return self._leased(key, None, tenant) or await self._awaited(self._made(order, tenant))
        async with self._homes.setdefault((key, tenant), asyncio.Lock()):
            at_hand = self._leased(key, tenant, tenant) or self._leased(key, None, tenant)
            return at_hand or await self._awaited(self._made(order, tenant))

    async def _awaited(self, making: "asyncio.Task[Kept]") -> Kept:
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_leave_to_the_next)
            raise

    def _leased(self, key: object, kept_for: str | None, tenant: str) -> Kept | None:
        for kept in self._kept:
            if kept.key == key and kept.tenant == kept_for and not kept.is_doomed:
                kept.tenant = tenant
                kept.lease_count += 1
                return kept
        return None

    def _made(self, order: Order, tenant: str | None = None) -> "asyncio.Task[Kept]":
        if self._is_closed:
            raise ShuttingDown
        if self.count >= self._max_count and not self._evicted():
            raise LimitExceeded(f"All {self._max_count} machines of this sandbox are busy. Try again in a moment.")
        task = asyncio.create_task(self._make(order, tenant))
        self._making[task] = self._key(order)
        task.add_done_callback(lambda done: self._making.pop(done, None))
        return task

    async def _make(self, order: Order, tenant: str | None) -> Kept:
        machine = await self._create(order)
        # Leased from the start, or another call would take it before the one that waits is told.
        kept = Kept(machine, self._key(order), order.bundle.digest, tenant, lease_count=0 if tenant is None else 1)
        if self._is_closed:
            self._delete_later(kept)
            raise ShuttingDown
        self._kept.append(kept)
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap())
        return kept

    def _evicted(self) -> bool:
        idle = [kept for kept in self._kept if kept.lease_count == 0]
        if not idle:
            return False
        self._remove(min(idle, key=lambda kept: kept.used_at))
        return True

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(self._idle_s / 4)
            oldest = time.monotonic() - self._idle_s
            for kept in [kept for kept in self._kept if kept.lease_count == 0 and kept.used_at < oldest]:
                self._remove(kept)

    def _remove(self, kept: Kept) -> None:
        if kept in self._kept:
            self._kept.remove(kept)
            home = self._homes.get((kept.key, kept.tenant))
            if home is not None and not home.locked():
                del self._homes[kept.key, kept.tenant]
            self._delete_later(kept)

    def _delete_later(self, kept: Kept) -> None:
        self._background(_deleted(kept.machine))

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _deleted(machine: Machine) -> None:
    try:
        async with asyncio.timeout(DELETE_TIMEOUT_S):
            await machine.delete()
    except (ProviderFailed, TimeoutError) as error:
        logger.warning("a remote machine could not be deleted", extra={"event": "sandbox.leaked", "reason": str(error)})


def _let_go(making: "asyncio.Task[Kept]") -> None:
    """A spare that could not be made is nobody's loss: the next call tries again and hears why."""
    if not making.cancelled():
        making.exception()


def _leave_to_the_next(making: "asyncio.Task[Kept]") -> None:
    """Whoever ordered the machine has gone away meanwhile."""
    _let_go(making)
    if not making.cancelled() and making.exception() is None:
        making.result().lease_count = 0
        making.result().tenant = None
