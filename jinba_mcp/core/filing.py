"""Filing: runs that have ended are put under their words, counted, and owed to webhooks, after callers are answered.

The journal notes in the transaction that ends a run that it is to be filed, so none is forgotten; a call pays for that
note alone. Who searches, or asks for statistics, has filed what was still waiting.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import anyio

from jinba_mcp.clock import Clock
from jinba_mcp.domain.deliveries import Delivery, owed
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.webhooks import Webhook, run_ended
from jinba_mcp.storage.store import Store

BATCH = 100
"""A transaction of this many runs takes a millisecond or two, which is what calls may have to wait for it."""
AT_ONCE = 2 * BATCH
LATE = timedelta(seconds=30)
"""How long an ended run may wait for calls to leave some time; the nearer it is to that, the more filing takes."""
_ROUNDS = 20


class Filing:
    """Safe to do at once in several processes: whoever takes a run off the list files it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = anyio.Lock()
        self.lateness = 0.0
        """How much of `LATE` the oldest run had waited the last time, from 0 to 1; 0 if another process is filing."""

    async def file(self) -> bool:
        """System's own: file some runs, the oldest first; whether there may be more."""
        async with self._turn:
            return await self._file()

    async def _file(self) -> bool:
        async with self._store.read() as tx:
            endings = await tx.runs.unfiled(AT_ONCE)
            listening = await tx.webhooks.enabled(sorted({each.organization_id for each in endings}))
        self.lateness = max((self._lateness(each) for each in endings[:1]), default=0.0)
        for start in range(0, len(endings), BATCH):
            batch = endings[start : start + BATCH]
            if not await self._store.filing.file(batch, _owed(batch, listening)):
                # Another process was first, so these are not what is waiting now.
                self.lateness = 0.0
                return True
        return len(endings) == AT_ONCE

    def _lateness(self, ending: Ending) -> float:
        waited = self._clock() - (ending.finished_at or ending.created_at)
        return min(1.0, max(0.0, waited / LATE))

    async def catch_up(self) -> None:
        """System's own: file what is waiting, but no more than a reader may be made to wait for."""
        for _ in range(_ROUNDS):
            if not await self.file():
                return


def _owed(endings: Iterable[Ending], listening: Sequence[Webhook]) -> list[Delivery]:
    if not listening:
        return []
    webhooks: dict[OrganizationId, list[Webhook]] = defaultdict(list)
    for webhook in listening:
        webhooks[webhook.organization_id].append(webhook)
    events = [run_ended(each) for each in endings if each.organization_id in webhooks]
    return [owed(hook, event) for event in events for hook in webhooks[event.organization_id] if hook.wants(event)]
