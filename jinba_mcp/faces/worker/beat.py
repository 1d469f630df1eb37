"""The heartbeat by which other processes on the same database know that this one lives."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from jinba_mcp.core.core import Core

logger = logging.getLogger(__name__)

BEAT_EVERY_S = 10.0


@asynccontextmanager
async def beating(core: Core) -> AsyncIterator[None]:
    """Beat for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_beat, core)
        yield
        tasks.cancel_scope.cancel()


async def _beat(core: Core) -> None:
    while True:
        try:
            # A beat that is cut short would leave its connection broken; it takes milliseconds.
            with anyio.CancelScope(shield=True):
                # First, since it does not need the database.
                await core.limits.renew()
                await core.health.beat()
                await core.runs.settle()
        except Exception:
            # One beat that fails must not be the last: the database may be back for the next.
            logger.exception("heartbeat failed", extra={"event": "heartbeat.failed"})
        await anyio.sleep(BEAT_EVERY_S)
