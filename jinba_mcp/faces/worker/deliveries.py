"""Delivering: a look every second at what webhooks are owed, and many attempts at once."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from jinba_mcp.core.core import Core
from jinba_mcp.core.deliveries import Claimed
from jinba_mcp.domain.ids import WebhookId

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 64
"""How many attempts this process makes at once."""


@asynccontextmanager
async def delivering(core: Core) -> AsyncIterator[None]:
    """Deliver for as long as the block runs. Attempts that its end cuts short are made again after their lease."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_Round(core, tasks).go)
        yield
        tasks.cancel_scope.cancel()


class _Round:
    """Attempts in flight, counted by webhook, and the looks for more."""

    def __init__(self, core: Core, tasks: TaskGroup) -> None:
        self._core = core
        self._tasks = tasks
        self._in_flight: Counter[WebhookId] = Counter()
        self._freed = anyio.Event()

    async def go(self) -> None:
        while True:
            self._freed = anyio.Event()
            for claimed in await self._claim():
                self._in_flight[claimed.webhook.id] += 1
                self._tasks.start_soon(self._attempt, claimed)
            with anyio.move_on_after(LOOK_EVERY_S):
                await self._freed.wait()

    async def _claim(self) -> list[Claimed]:
        free = AT_ONCE - self._in_flight.total()
        claimed: list[Claimed] = []
        try:
            # Cut short, it would leave its connection broken; it takes milliseconds.
            with anyio.CancelScope(shield=True):
                if free > 0:
                    claimed = await self._core.deliveries.claim(self._in_flight, free)
        except Exception:
            # One look that fails must not be the last: the database may be back for the next.
            logger.exception("claiming deliveries failed", extra={"event": "deliveries.claim_failed"})
        return claimed

    async def _attempt(self, claimed: Claimed) -> None:
        webhook_id = claimed.webhook.id
        try:
            await self._core.deliveries.attempt(claimed)
        except Exception:
            # One delivery that fails must not end the others; it is tried again after its lease.
            extra = {"event": "delivery.failed", "delivery_id": claimed.delivery.id}
            logger.exception("delivery failed", extra=extra)
        finally:
            self._in_flight[webhook_id] -= 1
            if not self._in_flight[webhook_id]:
                del self._in_flight[webhook_id]
            self._freed.set()
