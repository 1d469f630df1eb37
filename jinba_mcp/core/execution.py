"""Execution: the life of one run, from the start that is recorded to the end that is recorded."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from jinba_mcp.clock import Clock
from jinba_mcp.core.flights import Flights
from jinba_mcp.core.limits import Limits
from jinba_mcp.core.releases import ReadyTool
from jinba_mcp.core.repeats import RepeatKey, Repeats, Taken
from jinba_mcp.domain.errors import ArgumentsInvalid, CreditsInsufficient, JinbaError, ShuttingDown, Unavailable
from jinba_mcp.domain.faults import sentence
from jinba_mcp.domain.ids import RunId
from jinba_mcp.domain.keeping import KeptRun
from jinba_mcp.domain.masking import masked_error, masked_logs, masked_reporter, masker
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import CALLED_OFF, CANCELLED, SHUT_DOWN, Run, RunError, RunStatus
from jinba_mcp.logs import run_id as logged_run_id
from jinba_mcp.sandbox.engine import Engine, Outcome, OutcomeStatus, Setup
from jinba_mcp.storage.journal import Entry
from jinba_mcp.storage.store import Store

logger = logging.getLogger(__name__)

_STATUS = {
    OutcomeStatus.SUCCESS: RunStatus.SUCCESS,
    OutcomeStatus.FAILED: RunStatus.FAILED,
    OutcomeStatus.TIMEOUT: RunStatus.TIMEOUT,
}
_RECORDING_S = 5.0
"""How long cancelled runs have to write their records at shutdown."""
_MAX_UNRECORDED = 1_000
_BROKEN = RunError(name="InternalError", message="The server could not run the tool; its log has the cause.")

Observer = Callable[[Run], None]
"""Told of every run that has ended, as it is recorded, after it is."""


@dataclass(frozen=True)
class Prepared:
    """A call that may be made: all that was looked up and checked for it. `run` is whole, `kept` goes on record."""

    run: Run
    kept: KeptRun
    ready: ReadyTool
    engine: Engine
    setup: Setup
    price: int = 0
    """In credits; what was taken is given back if the run could not start or the server cut it short."""

    @property
    def may_overlap(self) -> bool:
        """Whether the tool may run while its start is still being recorded: it changes nothing, and costs nothing."""
        return self.ready.tool.annotations.readOnlyHint is True and not self.price


@dataclass(frozen=True)
class _End:
    """How a run ended, as it goes on record; and whether what was taken for it is given back."""

    record: Run
    gives_back: bool


class Execution:
    """Every run that begins does so in `run`, and every one that began ends in `_close`."""

    def __init__(  # noqa: PLR0913  what a run's life is made of
        self, store: Store, clock: Clock, flights: Flights, repeats: Repeats, *, limits: Limits, observe: Observer
    ) -> None:
        self._store = store
        self._clock = clock
        self._flights = flights
        self._repeats = repeats
        self._limits = limits
        self._observe = observe
        self._unrecorded: dict[RunId, _End] = {}
        """Ends that the database could not take; the oldest are left to whoever closes the runs of this process."""
        self.is_draining = False

    async def refuse(self, run: Run, kept: KeptRun, faults: list[JsonObject]) -> None:
        """System's own: record a call whose arguments do not fit as a failed run, and raise that."""
        error = ArgumentsInvalid(run.tool_slug, faults, run.id)
        said = RunError(name="ArgumentsInvalid", message=error.message)
        record = kept.ended(run.finished(RunStatus.FAILED, at=run.created_at, error=said))
        await self._store.journal.record(record)
        self._tell(record)
        raise error

    async def run(self, prepared: Prepared, report: Reporter | None = None, key: RepeatKey | None = None) -> Run:
        """System's own: run what was prepared; the whole run, not its record.

        Raises:
            Taken: the key stands for an earlier run, so nothing ran.
            LimitExceeded: too many of this tool, or at once; nothing ran and nothing is recorded.
            Unavailable: the engine could not run it, or the server is shutting down.
        """
        token = logged_run_id.set(prepared.run.id)
        try:
            async with self._limits.in_flight(prepared.run):
                await self._limits.run(prepared.run)
                return await self._run(prepared, report, key)
        finally:
            logged_run_id.reset(token)

    async def settle(self) -> None:
        """System's own, with each heartbeat: record the ends that the database could not take when they came.

        Raises:
            Unavailable: it still cannot.
        """
        for end in list(self._unrecorded.values()):
            await self._record(end, None)
            self._unrecorded.pop(end.record.id, None)

    async def drain(self, grace_s: float) -> None:
        """System's own, at shutdown: take no more calls, give those in flight `grace_s`, then cancel them."""
        self.is_draining = True
        with anyio.move_on_after(grace_s):
            await self._flights.idle()
        self._flights.cancel_all()
        with anyio.move_on_after(_RECORDING_S):
            await self._flights.idle()

    async def _run(self, prepared: Prepared, report: Reporter | None, key: RepeatKey | None) -> Run:
        run, ended, has_begun, entry = prepared.run, None, True, None
        # Who sends a call under a key means to send it again, so that going away does not end it.
        with self._flights.aboard(run.id, outlives_caller=key is not None):
            try:
                # Once the start is asked for it may be durable, so from here every way out records an end.
                if prepared.may_overlap and key is None:
                    entry = self._store.journal.begin(prepared.kept.run)
                else:
                    await self._start(prepared, key)
                outcome = await prepared.engine.run(prepared.setup, run.input, _masked(report, prepared.setup))
                ended = self._judged(run, prepared, outcome)
                await self._close(prepared, ended, entry)
            except (Taken, CreditsInsufficient):
                has_begun = False
                raise
            except anyio.get_cancelled_exc_class():
                if ended is None:
                    ended = self._cut_short(run, RunStatus.CANCELLED, self._why_cancelled(run))
                    await self._close(prepared, ended, entry, gives_back=ended.error == SHUT_DOWN)
                raise
            except JinbaError as error:
                # Once the run has ended, what failed is its record: the tool did run, and is paid for.
                if ended is None:
                    ended = self._cut_short(
                        run, RunStatus.FAILED, RunError(name=type(error).__name__, message=error.message)
                    )
                    await self._close(prepared, ended, entry, gives_back=True)
                    if key is not None:
                        await self._repeats.release(run, key)
                raise
            finally:
                if ended is None and has_begun:
                    cut_short = self._cut_short(run, RunStatus.FAILED, _BROKEN)
                    await self._close(prepared, cut_short, entry, gives_back=True)
        if ended is None or (ended.error is not None and ended.error == SHUT_DOWN):
            raise ShuttingDown
        return ended

    async def _start(self, prepared: Prepared, key: RepeatKey | None) -> None:
        run = prepared.kept.run
        if key is not None:
            await self._repeats.start(run, key, prepared.price)
        elif prepared.price:
            async with self._store.begin() as tx:
                await tx.credits.charge(run, prepared.price)
                await tx.runs.start(run)
        else:
            await self._store.journal.start(run)

    async def _close(self, prepared: Prepared, ended: Run, entry: Entry | None, *, gives_back: bool = False) -> None:
        end = _End(prepared.kept.ended(ended), gives_back and bool(prepared.price))
        try:
            await self._record(end, entry)
        except Unavailable:
            self._unrecorded[end.record.id] = end
            if len(self._unrecorded) > _MAX_UNRECORDED:
                del self._unrecorded[next(iter(self._unrecorded))]
            raise

    async def _record(self, end: _End, entry: Entry | None) -> None:
        record = end.record
        if end.gives_back:
            # Once only: should this process die in between, whoever closes the run finds it given back.
            with anyio.CancelScope(shield=True):
                async with self._store.begin() as tx:
                    await tx.credits.give_back([record.id], self._clock())
        try:
            await self._store.journal.finish(record, entry)
        except anyio.get_cancelled_exc_class():
            # What the journal has it writes; this waits for that. A shield around the first try costs every call.
            with anyio.CancelScope(shield=True):
                await self._store.journal.finish(record)
            self._tell(record)
            raise
        self._tell(record)

    def _why_cancelled(self, run: Run) -> RunError:
        if self._flights.was_called_off(run.id):
            return CALLED_OFF
        return SHUT_DOWN if self.is_draining else CANCELLED

    def _cut_short(self, run: Run, status: RunStatus, error: RunError) -> Run:
        return run.finished(status, at=self._clock(), error=error)

    def _judged(self, run: Run, prepared: Prepared, outcome: Outcome) -> Run:
        promised = prepared.ready.output
        if outcome.status is OutcomeStatus.SUCCESS and promised is not None:
            faults = promised.faults(outcome.output)
            if faults:
                outcome = _unfit(outcome, faults)
        error, logs = outcome.error, outcome.logs
        if prepared.setup.env.secrets:
            mask = masker(prepared.setup.env.secrets)
            error, logs = None if error is None else masked_error(error, mask), masked_logs(logs, mask)
        return run.finished(
            _STATUS[outcome.status],
            at=self._clock(),
            output=outcome.output,
            content=outcome.content,
            error=error,
            logs=logs,
            isolation=outcome.isolation,
        )

    def _tell(self, record: Run) -> None:
        self._observe(record)
        if logger.isEnabledFor(logging.INFO):
            _log(record)


def _log(record: Run) -> None:
    logger.info(
        "run ended",
        extra={
            "event": "run.finished",
            "status": record.status.value,
            "toolset": record.toolset_slug,
            "tool": record.tool_slug,
            "source": record.source.value,
            "duration_ms": record.duration_ms,
        },
    )


def _masked(report: Reporter | None, setup: Setup) -> Reporter | None:
    secrets = setup.env.secrets
    return report if report is None or not secrets else masked_reporter(report, masker(secrets))


def _unfit(outcome: Outcome, faults: list[JsonObject]) -> Outcome:
    message = f"The tool's output does not fit its own output schema: {sentence(faults)}"
    error = RunError(name="OutputInvalid", message=message)
    return Outcome(status=OutcomeStatus.FAILED, error=error, logs=outcome.logs, isolation=outcome.isolation)
