"""Rounds: what a server does again and again: file ended runs, remove what is old or left, mail what was asked for."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from jinba_mcp.core.core import Core

logger = logging.getLogger(__name__)

FILE_EVERY_S = 1.0
"""How far search and statistics lag, but for those who ask: they file first."""
FILING_SHARE = 0.1
"""Of the time, when there is more to file and calls may want theirs. What waits gets more, what is late all of it, so
that filing comes to keep pace with a load that lasts, rather than to leave off and to catch up by turns."""
SWEEP_EVERY_S = 300.0
REMOVE_EVERY_S = 60.0
MAIL_EVERY_S = 1.0


@asynccontextmanager
async def going(core: Core) -> AsyncIterator[None]:
    """Make the rounds for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_forever, "filing", _filed(core))
        tasks.start_soon(_forever, "retention", _swept(core))
        tasks.start_soon(_forever, "removal", _removed(core))
        tasks.start_soon(_forever, "mailing", _mailed(core))
        tasks.start_soon(_forever, "inviting", _invited(core))
        yield
        tasks.cancel_scope.cancel()


def _filed(core: Core) -> Callable[[], Awaitable[float]]:
    async def work() -> float:
        began = anyio.current_time()
        # Cut short, it would leave its connection broken; it takes milliseconds.
        with anyio.CancelScope(shield=True):
            has_more = await core.filing.file()
        if not has_more:
            return FILE_EVERY_S
        share = FILING_SHARE + (1 - FILING_SHARE) * core.filing.lateness
        return (anyio.current_time() - began) * (1 / share - 1)

    return work


def _swept(core: Core) -> Callable[[], Awaitable[float]]:
    async def work() -> float:
        count = await core.retention.sweep()
        if count:
            logger.info("runs removed", extra={"event": "retention.swept", "count": count})
        await core.deliveries.sweep()
        return SWEEP_EVERY_S

    return work


def _removed(core: Core) -> Callable[[], Awaitable[float]]:
    async def work() -> float:
        await core.organizations.finish_removals()
        return REMOVE_EVERY_S

    return work


def _mailed(core: Core) -> Callable[[], Awaitable[float]]:
    async def work() -> float:
        await core.passwords.mail_resets()
        await core.users.mail_confirmations()
        return MAIL_EVERY_S

    return work


def _invited(core: Core) -> Callable[[], Awaitable[float]]:
    async def work() -> float:
        await core.invitations.mail_due()
        return MAIL_EVERY_S

    return work


async def _forever(name: str, work: Callable[[], Awaitable[float]]) -> None:
    pause_s = FILE_EVERY_S
    while True:
        await anyio.sleep(pause_s)
        try:
            pause_s = await work()
        except Exception:
            # One round that fails must not be the last: the database may be back for the next.
            logger.exception("%s failed", name, extra={"event": f"{name}.failed"})
            pause_s = FILE_EVERY_S
