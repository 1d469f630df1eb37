"""Retention: records of runs go when they are too old or too many, in batches that calls hardly have to wait for."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import anyio

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.retention import Retention
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.storage.store import Store

BATCH = 50
"""Of runs in a transaction, each with its words, all over the indexes: among hundreds of thousands of runs that takes
some 10 ms, half of it whatever the number is."""
LIGHT_BATCH = 100
"""Of what has few indexes."""
PAUSE_S = 0.05
"""Between two of them, for the calls that came meanwhile."""


class Retentions:
    """Organizations say what they want to keep, within what the operator keeps; sweeping makes it so.

    Sweeping is safe to do in several processes at once. Runs in flight stay, and so do the statistics of what is
    removed.
    """

    def __init__(self, store: Store, clock: Clock, keeping: Keeping) -> None:
        self._store = store
        self._clock = clock
        self.keeping = keeping
        """The operator's: what holds where an organization says nothing, and the most that it may say."""

    async def get(self, caller: Caller, organization: str) -> Retention:
        """What an organization has said."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.retention.find(organization_id)

    async def change(self, caller: Caller, organization: str, wanted: Retention) -> Retention:
        """Keep runs for so long, and so many, from the next sweep on. What is removed then does not come back.

        Raises:
            FieldsInvalid: it is more than the operator keeps.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        self._check(wanted)
        now = self._clock()
        async with self._store.begin() as tx:
            found = await tx.organizations.get(organization_id)
            before = await tx.retention.find(organization_id)
            await tx.retention.save(organization_id, wanted)
            await tx.audit.add(
                audit.fact(
                    caller, "retention.changed", found.id, organization_id=found.id, at=now,
                    before=before.model_dump(), after=wanted.model_dump(),
                )
            )  # fmt: skip
        return wanted

    async def sweep(self) -> int:
        """System's own: remove all that is over the limits of age and count; how many runs there were.

        May take long when there is much; it can be given up at any time and goes on the next time.
        """
        now, count = self._clock(), 0
        organization_id = await self._next_organization(None)
        while organization_id is not None:
            count += await self._sweep_organization(organization_id, now)
            organization_id = await self._next_organization(organization_id)
        await self._sweep_rest(now)
        return count

    def _check(self, wanted: Retention) -> None:
        age, count = self.keeping.max_age, self.keeping.max_count
        faults: list[JsonObject] = []
        if age is not None and wanted.days is not None and timedelta(days=wanted.days) > age:
            faults.append({"pointer": "/days", "detail": f"at most {age.days}: this server keeps no run for longer"})
        if count is not None and wanted.count is not None and wanted.count > count:
            faults.append({"pointer": "/count", "detail": f"at most {count}: this server keeps no more"})
        if faults:
            raise FieldsInvalid(faults)

    async def _next_organization(self, after: OrganizationId | None) -> OrganizationId | None:
        async with self._store.read() as tx:
            return await tx.runs.next_organization(after)

    async def _sweep_organization(self, organization_id: OrganizationId, now: datetime) -> int:
        async with self._store.read() as tx:
            keeping = self.keeping.within(await tx.retention.find(organization_id))
        count = 0
        if keeping.max_age is not None:
            count += await self._sweep_older(organization_id, now - keeping.max_age)
        if keeping.max_count is not None:
            count += await self._sweep_beyond(organization_id, keeping.max_count)
        return count

    async def _sweep_older(self, organization_id: OrganizationId, than: datetime) -> int:
        async def look() -> Sequence[Ending]:
            async with self._store.read() as tx:
                return await tx.runs.older(organization_id, than, BATCH)

        return await self._remove_all(look)

    async def _sweep_beyond(self, organization_id: OrganizationId, max_count: int) -> int:
        # Looked up once: it means counting so many entries of an index.
        async with self._store.read() as tx:
            newest_over = await tx.runs.nth_newest(organization_id, max_count)
        if newest_over is None:
            return 0

        async def look() -> Sequence[Ending]:
            async with self._store.read() as tx:
                return await tx.runs.up_to(organization_id, newest_over, BATCH)

        return await self._remove_all(look)

    async def _remove_all(self, look: Callable[[], Awaitable[Sequence[Ending]]]) -> int:
        count = 0
        while endings := await look():
            # Cut short, it would leave its connection broken.
            with anyio.CancelScope(shield=True):
                await self._remove(endings)
            count += len(endings)
            await anyio.sleep(PAUSE_S)
        return count

    async def _remove(self, endings: Sequence[Ending]) -> None:
        newest, now = endings[-1], self._clock()
        async with self._store.begin() as tx:
            await tx.words.remove(endings)
            count = await tx.runs.remove([each.id for each in endings])
            if count:
                change = audit.fact(
                    None, "run.expired", newest.id, organization_id=newest.organization_id, at=now,
                    before={"count": count},
                )  # fmt: skip
                await tx.audit.add(change)

    async def _sweep_rest(self, now: datetime) -> None:
        is_done = False
        while not is_done:
            with anyio.CancelScope(shield=True):
                async with self._store.begin() as tx:
                    count = await tx.repeats.sweep(now, LIGHT_BATCH)
                    count += await tx.tallies.sweep(now, LIGHT_BATCH)
                    await tx.runs.forget_unfilable()
            is_done = count < LIGHT_BATCH
            if not is_done:
                await anyio.sleep(PAUSE_S)
