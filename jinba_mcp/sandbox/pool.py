"""Keeps workers ready before they are needed, and bounds how many there are: for any engine that starts processes."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown

SWEEP_S = 2.0


class Member(Protocol):
    """A worker, as far as the pool cares."""

    @property
    def is_ready(self) -> bool:
        """Whether it can be called now."""
        ...

    def close(self) -> None:
        """End it; repeatable."""
        ...


K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound=Member)


@dataclass(frozen=True)
class Sizes:
    """`max_workers` at once, spares included; at most `max_spares` spares of one kind and `max_waiting` callers."""

    max_workers: int = 64
    max_spares: int = 4
    max_waiting: int = 1_000
    spare_ttl_s: float = 300.0
    """A kind that was not called for this long keeps no spare."""


@dataclass(eq=False)
class _Shelf(Generic[K, W]):
    """The workers of one kind."""

    key: K
    spares: deque[W] = field(default_factory=deque)
    waiters: deque[asyncio.Future[W]] = field(default_factory=deque)
    arming: set[W] = field(default_factory=set)
    busy_count: int = 0
    wanted: int = 0
    """How many spares there should be."""
    least: int = 0
    """How many spares there were at least since the last sweep: that many were not needed."""
    used_at: float = 0.0
    is_discarded: bool = False

    @property
    def is_idle(self) -> bool:
        return not (self.spares or self.waiters or self.arming or self.busy_count)


class Pool(Generic[K, W]):
    """Hands out workers; one that was handed out is given back with `release` or `give_back`.

    `start(key, on_ready)` orders a worker and returns at once, or raises OSError; `on_ready` is called when it is
    ready, or lost. `may_spare(key)` says whether workers of this kind may be kept before they are called, and
    `is_restless` whether a spare uses up the processor.
    """

    def __init__(
        self,
        start: Callable[[K, Callable[[W], None]], W],
        sizes: Sizes,
        *,
        may_spare: Callable[[K], bool],
        is_restless: Callable[[W], bool] = lambda _worker: False,
    ) -> None:
        self._start = start
        self._sizes = sizes
        self._may_spare = may_spare
        self._is_restless = is_restless
        self._shelves: OrderedDict[K, _Shelf[K, W]] = OrderedDict()
        self._busy: dict[W, _Shelf[K, W]] = {}
        self._arming: dict[W, _Shelf[K, W]] = {}
        self._leaving: set[W] = set()
        self._hungry: deque[_Shelf[K, W]] = deque()
        self._waiting_count = 0
        self._count = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def worker_count(self) -> int:
        """Workers that there are now: busy, spare, and being armed."""
        return self._count

    async def take(self, key: K) -> W:
        """A worker of this kind: a spare, or a new one, which was perhaps lost while it was armed.

        Raises:
            LimitExceeded: too many callers wait already.
            ShuttingDown: closed.
            OSError: none can be started.
        """
        if self._is_closed:
            raise ShuttingDown
        shelf = self._shelf(key)
        spare = self._spare(shelf)
        if spare is not None:
            self._lend(shelf, spare)
            return spare
        if self._waiting_count >= self._sizes.max_waiting:
            raise LimitExceeded("Too many runs are waiting for a free sandbox. Try again later.")
        if shelf.wanted:
            # There was a spare for this kind, and it was not enough.
            shelf.wanted = min(shelf.wanted + 1, self._sizes.max_spares)
        elif self._may_spare(key):
            shelf.wanted = min(1, self._sizes.max_spares)
        return await self._awaited(shelf)

    def release(self, worker: W) -> None:
        """The run is over, and the worker with it. It ends a moment later: whoever has the answer need not wait."""
        self._leaving.add(worker)
        asyncio.get_running_loop().call_soon(self._retire, self._returned(worker), worker)

    def give_back(self, worker: W) -> None:
        """The run is over, and the worker serves the next one of its kind."""
        shelf = self._returned(worker)
        if shelf.is_discarded or self._is_closed:
            self._dispose(shelf, worker)
        else:
            self._offer(shelf, worker)

    def warm(self, key: K) -> None:
        """Have a spare of this kind, if there is room."""
        if self._is_closed or not self._may_spare(key):
            return
        shelf = self._shelf(key)
        shelf.wanted = max(shelf.wanted, min(1, self._sizes.max_spares))
        self._top_up(shelf)

    def discard(self, matches: Callable[[K], bool]) -> None:
        """Let go of all kinds that match, and of their spares; callers that wait or run go on."""
        for key in [key for key in self._shelves if matches(key)]:
            shelf = self._shelves.pop(key)
            shelf.is_discarded, shelf.wanted = True, 0
            self._close_spares(shelf)
        self._feed_hungry()

    def close(self) -> None:
        """End every worker. Whoever waits for one is told that we shut down."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        # Those that were discarded are no longer among the shelves, and callers may still wait at them.
        shelves = {*self._shelves.values(), *self._arming.values(), *self._hungry}
        for shelf in shelves:
            for waiter in shelf.waiters:
                if not waiter.done():
                    waiter.set_exception(ShuttingDown())
            for worker in shelf.spares:
                worker.close()
        for worker in (*self._arming, *self._busy, *self._leaving):
            worker.close()
        self._shelves.clear()
        self._hungry.clear()

    def _shelf(self, key: K) -> _Shelf[K, W]:
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf(key)
            if self._sweeper is None:
                self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        self._shelves.move_to_end(key)
        shelf.used_at = time.monotonic()
        return shelf

    def _spare(self, shelf: _Shelf[K, W]) -> W | None:
        while shelf.spares:
            spare = shelf.spares.pop()
            shelf.least = min(shelf.least, len(shelf.spares))
            if spare.is_ready:
                return spare
            self._drop(spare)
        return None

    def _lend(self, shelf: _Shelf[K, W], worker: W) -> None:
        shelf.busy_count += 1
        self._busy[worker] = shelf

    def _returned(self, worker: W) -> _Shelf[K, W]:
        shelf = self._busy.pop(worker)
        shelf.busy_count -= 1
        return shelf

    async def _awaited(self, shelf: _Shelf[K, W]) -> W:
        waiter: asyncio.Future[W] = asyncio.get_running_loop().create_future()
        shelf.waiters.append(waiter)
        self._waiting_count += 1
        try:
            self._feed(shelf)
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            raise
        finally:
            self._waiting_count -= 1
            if waiter in shelf.waiters:
                shelf.waiters.remove(waiter)

    def _feed(self, shelf: _Shelf[K, W]) -> None:
        """Start a worker for each caller that waits, as far as there is room; the rest is fed when there is."""
        while len(shelf.arming) < len(shelf.waiters):
            if self._count >= self._sizes.max_workers and not self._evict():
                if shelf not in self._hungry:
                    self._hungry.append(shelf)
                return
            try:
                self._arm(shelf)
            except OSError as error:
                waiter = shelf.waiters.popleft()
                if not waiter.done():
                    waiter.set_exception(error)

    def _feed_hungry(self) -> None:
        """Kinds take turns, so that one with many callers does not starve the others."""
        for _ in range(len(self._hungry)):
            if self._count >= self._sizes.max_workers and not any(shelf.spares for shelf in self._shelves.values()):
                return
            self._feed(self._hungry.popleft())

    def _top_up(self, shelf: _Shelf[K, W]) -> None:
        """Start spares, as far as there is room."""
        while len(shelf.spares) + len(shelf.arming) - len(shelf.waiters) < shelf.wanted:
            if self._count >= self._sizes.max_workers:
                return
            try:
                self._arm(shelf)
            except OSError:
                # Whoever calls next is told why.
                return

    def _arm(self, shelf: _Shelf[K, W]) -> None:
        worker = self._start(shelf.key, lambda landed: self._landed(shelf, landed))
        shelf.arming.add(worker)
        self._arming[worker] = shelf
        self._count += 1

    def _landed(self, shelf: _Shelf[K, W], worker: W) -> None:
        shelf.arming.discard(worker)
        self._arming.pop(worker, None)
        if self._is_closed:
            return
        if not worker.is_ready:
            # It cannot even be loaded: no more of these before somebody asks.
            shelf.wanted = 0
        if not shelf.waiters and len(shelf.spares) >= shelf.wanted:
            self._dispose(shelf, worker)
        else:
            self._offer(shelf, worker)

    def _offer(self, shelf: _Shelf[K, W], worker: W) -> None:
        while shelf.waiters:
            waiter = shelf.waiters.popleft()
            if not waiter.done():
                self._lend(shelf, worker)
                waiter.set_result(worker)
                return
        shelf.spares.append(worker)
        # Whoever waits for a place goes before who may come.
        self._feed_hungry()

    def _retire(self, shelf: _Shelf[K, W], worker: W) -> None:
        self._leaving.discard(worker)
        self._dispose(shelf, worker)

    def _dispose(self, shelf: _Shelf[K, W], worker: W) -> None:
        self._drop(worker)
        if not self._is_closed:
            self._feed_hungry()
            self._top_up(shelf)

    def _drop(self, worker: W) -> None:
        worker.close()
        self._count -= 1

    def _evict(self) -> bool:
        """End the spare that has been of no use for longest, whatever its kind."""
        for shelf in self._shelves.values():
            if shelf.spares:
                shelf.wanted = min(shelf.wanted, len(shelf.spares) - 1)
                self._drop(shelf.spares.popleft())
                return True
        return False

    def _close_spares(self, shelf: _Shelf[K, W]) -> None:
        while shelf.spares:
            self._drop(shelf.spares.pop())

    def _sweep(self) -> None:
        now = time.monotonic()
        for key, shelf in tuple(self._shelves.items()):
            if now - shelf.used_at > self._sizes.spare_ttl_s:
                shelf.wanted = 0
                self._close_spares(shelf)
                if shelf.is_idle:
                    del self._shelves[key]
                continue
            for spare in [spare for spare in shelf.spares if not spare.is_ready or self._is_restless(spare)]:
                shelf.spares.remove(spare)
                self._drop(spare)
                shelf.wanted = 0
            if shelf.least > 0 and shelf.wanted > 1 and shelf.spares:
                shelf.wanted -= 1
                self._drop(shelf.spares.popleft())
            shelf.least = len(shelf.spares)
        self._feed_hungry()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep) if self._shelves else None
