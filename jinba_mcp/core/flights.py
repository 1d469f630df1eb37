"""Flights: the runs in flight in this process, which may be cancelled, by whichever process, and waited for."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

import anyio

from jinba_mcp.domain.errors import JinbaError, RunNotFound
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.store import Store

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How often it is looked whether another process asked for the end of a run; only while there are runs."""
_MAX_PAUSE_S = 0.5


class Flight:
    """One run in flight: a block that is left early, without an error, when the run is cancelled from here."""

    def __init__(self, flights: "Flights", run_id: RunId, *, outlives_caller: bool) -> None:
        self._flights = flights
        self._run_id = run_id
        self.outlives_caller = outlives_caller
        self.scope = anyio.CancelScope(shield=outlives_caller)
        self.task = asyncio.current_task()
        self.ended: asyncio.Future[None] | None = None
        """Made by who waits for it."""
        self.was_called_off = False

    def __enter__(self) -> Self:
        self._flights.take_off(self._run_id, self)
        self.scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self.scope.__exit__(kind, error, trace)
        finally:
            self._flights.land(self._run_id)
            if self.ended is not None and not self.ended.done():
                self.ended.set_result(None)


class Flights:
    """Knows each run of this process from before its record begins until after its record is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flights: dict[RunId, Flight] = {}
        self._became_idle = anyio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.Task[None] | None = None

    def aboard(self, run_id: RunId, *, outlives_caller: bool) -> Flight:
        """What a run takes place in."""
        return Flight(self, run_id, outlives_caller=outlives_caller)

    def take_off(self, run_id: RunId, flight: Flight) -> None:
        """A flight's own."""
        self._flights[run_id] = flight
        self._watch()

    def land(self, run_id: RunId) -> None:
        """A flight's own."""
        del self._flights[run_id]
        if not self._flights:
            self._became_idle.set()
            self._unwatch()

    def was_called_off(self, run_id: RunId) -> bool:
        """Whether someone asked for the end of this run in flight."""
        return self._flights[run_id].was_called_off

    def call_off(self, run_id: RunId) -> None:
        """Cancel a run, if it is one of this process."""
        flight = self._flights.get(run_id)
        if flight is not None:
            flight.was_called_off = True
            flight.scope.cancel()

    def abandon(self, task: "asyncio.Task[Any] | None") -> bool:
        """Cancel what a task is running, unless that outlives its caller; whether it runs anything."""
        flight = next((each for each in self._flights.values() if each.task is task), None)
        if flight is not None and not flight.outlives_caller:
            flight.scope.cancel()
        return flight is not None

    def cancel_all(self) -> None:
        for flight in self._flights.values():
            flight.scope.cancel()

    async def idle(self) -> None:
        """System's own: wait until nothing is in flight. May take as long as a run; the caller bounds the wait."""
        if self._flights:
            self._became_idle = anyio.Event()
            await self._became_idle.wait()
        if self._look is not None:
            await asyncio.wait([self._look])

    async def wait_for_end(self, organization_id: OrganizationId, run_id: RunId, within_s: float) -> Run:
        """System's own: the record of a run of any process once it has ended, or as it is after `within_s`.

        Raises:
            RunNotFound: there is no such run (any more).
        """
        deadline = anyio.current_time() + within_s
        pause_s = 0.02
        while True:
            run = await self._find(organization_id, run_id)
            if run is None:
                raise RunNotFound(run_id)
            left_s = deadline - anyio.current_time()
            if run.status.is_final or left_s <= 0:
                return run
            await self._pause(run_id, min(pause_s, left_s))
            pause_s = min(pause_s * 2, _MAX_PAUSE_S)

    async def _find(self, organization_id: OrganizationId, run_id: RunId) -> Run | None:
        # Who waits may go away at any time; cut short, a read would leave its connection broken.
        with anyio.CancelScope(shield=True):
            async with self._store.read() as tx:
                run = await tx.runs.find(organization_id, run_id)
        return run

    async def _pause(self, run_id: RunId, seconds: float) -> None:
        flight = self._flights.get(run_id)
        if flight is None:
            await anyio.sleep(seconds)
            return
        if flight.ended is None:
            flight.ended = asyncio.get_running_loop().create_future()
        await asyncio.wait([flight.ended], timeout=seconds)

    def _watch(self) -> None:
        # A timer rather than a task, since most runs are over, and it is cancelled, before it would do anything.
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._start_look)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_look(self) -> None:
        self._timer = None
        self._look = asyncio.create_task(self._heed_others())

    async def _heed_others(self) -> None:
        try:
            async with self._store.read() as tx:
                called_off = await tx.runs.called_off()
        except JinbaError as error:
            logger.warning("cannot look for runs to cancel: %s", error.message, extra={"event": "cancelling.unheard"})
            called_off = []
        for run_id in called_off:
            self.call_off(run_id)
        if self._flights:
            self._watch()
