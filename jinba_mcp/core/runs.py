"""Runs: the one path by which any tool ever runs, and the history of what ran.

A call is checked, journalled as started, executed with no transaction open, journalled as finished, and then answered.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import anyio
from pydantic import Field, JsonValue

from jinba_mcp.clock import Clock
from jinba_mcp.core.catalog import Catalog, Located, ToolRef
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.releases import ReadyTool
from jinba_mcp.domain import ids, json_values
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    ArgumentsInvalid,
    JinbaError,
    RunNotFound,
    ShuttingDown,
    ToolNotFound,
    ToolSetNotFound,
)
from jinba_mcp.domain.faults import sentence
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.runs import CANCELLED, SHUT_DOWN, Run, RunError, RunFilter, RunSource, RunStatus
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.logs import run_id as logged_run_id
from jinba_mcp.sandbox.engine import Engine, Limits, Outcome, OutcomeStatus
from jinba_mcp.storage.store import Store

logger = logging.getLogger(__name__)

_STATUS = {
    OutcomeStatus.SUCCESS: RunStatus.SUCCESS,
    OutcomeStatus.FAILED: RunStatus.FAILED,
    OutcomeStatus.TIMEOUT: RunStatus.TIMEOUT,
}

_RECORDING_S = 5.0
"""How long cancelled runs have to write their records at shutdown."""

Observer = Callable[[Run], None]
"""Told of every run that has ended, after it is recorded."""


class CallContext(Record):
    """Where a call came from, for its record."""

    source: RunSource
    client: Annotated[str, Field(max_length=200)] | None = None
    request_id: Annotated[str, Field(max_length=100)] | None = None


@dataclass(frozen=True)
class _Prepared:
    """A call that may be made: all that was looked up and checked for it."""

    run: Run
    ready: ReadyTool
    engine: Engine
    limits: Limits


class Runs:
    """Calls and their records."""

    def __init__(  # noqa: PLR0913  the one place where everything a call needs meets
        self,
        store: Store,
        clock: Clock,
        catalog: Catalog,
        engines: Engines,
        *,
        limits: Limits,
        observe: Observer = lambda _: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._engines = engines
        self._limits = limits
        self._observe = observe
        self._in_flight: set[anyio.CancelScope] = set()
        self._is_draining = False
        self._became_idle = anyio.Event()

    async def call(
        self,
        caller: Caller,
        ref: ToolRef,
        arguments: JsonObject,
        context: CallContext,
        report: Reporter | None = None,
    ) -> Run:
        """Run a tool once and return the recorded run, however the tool itself fared.

        Raises:
            NotFound: no such organization, ToolSet, version or tool for this caller.
            ScopeMissing: `execute` is not held.
            ArgumentsInvalid: they do not fit the schema; recorded as a failed run.
            Unavailable: nothing here may run this code, or the server is shutting down.
        """
        located = await self._locate(caller, ref)
        if self._is_draining:
            raise ShuttingDown
        prepared = await self._prepare(caller, located, ref.tool, arguments, context)
        token = logged_run_id.set(prepared.run.id)
        try:
            run = await self._execute(prepared, report)
        finally:
            logged_run_id.reset(token)
        return run

    async def get(self, caller: Caller, organization: str, run_id: str) -> Run:
        """One run.

        Raises:
            RunNotFound: unknown, another organization's, or of a tool the key is narrowed out of.
        """
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            run = await tx.runs.find(organization_id, RunId(run_id))
        if run is None or not caller.may_use(run.toolset_slug, run.tool_slug):
            raise RunNotFound(run_id)
        return run

    async def page(self, caller: Caller, organization: str, wanted: RunFilter, request: PageRequest) -> Page[Run]:
        """Runs, newest first. A narrowed key sees those of its own tools only, so a page may be short."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            page = await tx.runs.page(organization_id, wanted, request)
        return page.model_copy(
            update={"items": tuple(r for r in page.items if caller.may_use(r.toolset_slug, r.tool_slug))}
        )

    async def drain(self, grace_s: float) -> None:
        """System's own, at shutdown: take no more calls, give those in flight `grace_s`, then cancel them."""
        self._is_draining = True
        with anyio.move_on_after(grace_s):
            await self._idle()
        for scope in list(self._in_flight):
            scope.cancel()
        with anyio.move_on_after(_RECORDING_S):
            await self._idle()

    async def _idle(self) -> None:
        if self._in_flight:
            self._became_idle = anyio.Event()
            await self._became_idle.wait()

    async def _locate(self, caller: Caller, ref: ToolRef) -> Located:
        try:
            located = await self._catalog.locate(caller, ref, Scope.EXECUTE)
        except ToolSetNotFound as error:
            raise ToolSetNotFound(ref.toolset, "Or this key may not use it.") from error
        if not caller.may_use(located.toolset.slug, ref.tool):
            raise ToolNotFound(ref.tool, "Or this key may not use it.")
        return located

    async def _prepare(
        self, caller: Caller, located: Located, tool: str, arguments: JsonObject, context: CallContext
    ) -> _Prepared:
        release = located.release
        ready = release.ready(tool)
        engine = self._engines.of(release.content.sandbox, release.origin)
        storable = _is_storable(arguments)
        run = self._begin(caller, located, tool, arguments if storable else {}, context)
        faults = ready.arguments.faults(arguments) if storable else [_UNSTORABLE]
        if faults:
            await self._refuse(run, faults)
        return _Prepared(run, ready, engine, release.limits(self._limits))

    def _begin(self, caller: Caller, located: Located, tool: str, arguments: JsonObject, context: CallContext) -> Run:
        toolset, version = located.toolset, located.release.version
        organization_id, slug = toolset.organization_id, str(toolset.slug)
        if not caller.belongs_to(organization_id):
            # A stranger's call of a public ToolSet is the stranger's run: its owner has no business with the arguments.
            organization_id, slug = caller.home(Scope.EXECUTE).organization_id, f"{organization_id}/{slug}"
        now = self._clock()
        return Run(
            id=ids.run_id(now),
            organization_id=OrganizationId(organization_id),
            toolset_slug=slug,
            tool_slug=tool,
            version_id=version.id,
            version=version.number,
            version_digest=version.digest,
            status=RunStatus.RUNNING,
            input=arguments,
            key_id=caller.key_id,
            key_name=caller.key_name,
            key_prefix=caller.key_prefix,
            user_id=caller.user_id,
            created_at=now,
            started_at=now,
            **context.model_dump(),
        )

    async def _refuse(self, run: Run, faults: list[JsonObject]) -> None:
        error = ArgumentsInvalid(run.tool_slug, faults, run.id)
        ended = run.finished(
            RunStatus.FAILED, at=run.created_at, error=RunError(name="ArgumentsInvalid", message=error.message)
        )
        await self._store.journal.record(ended)
        self._ended(ended)
        raise error

    async def _execute(self, prepared: _Prepared, report: Reporter | None) -> Run:
        run, ended = prepared.run, None
        with anyio.CancelScope() as scope:
            self._in_flight.add(scope)
            try:
                # Once the start is asked for it may be durable, so from here every way out records an end.
                await self._store.journal.start(run)
                outcome = await prepared.engine.run(prepared.ready.program, run.input, prepared.limits, report)
                ended = self._judged(run, prepared.ready, outcome)
                await self._finish(ended)
            except anyio.get_cancelled_exc_class():
                if ended is None:
                    ended = self._cut_short(run, RunStatus.CANCELLED, SHUT_DOWN if self._is_draining else CANCELLED)
                    await self._finish(ended)
                raise
            except JinbaError as error:
                ended = self._cut_short(
                    run, RunStatus.FAILED, RunError(name=type(error).__name__, message=error.message)
                )
                await self._finish(ended)
                raise
            finally:
                if ended is None:
                    await self._finish(self._cut_short(run, RunStatus.FAILED, _BROKEN))
                self._in_flight.discard(scope)
                if not self._in_flight:
                    self._became_idle.set()
            return ended
        raise ShuttingDown

    async def _finish(self, ended: Run) -> None:
        with anyio.CancelScope(shield=True):
            await self._store.journal.finish(ended)
        self._ended(ended)

    def _cut_short(self, run: Run, status: RunStatus, error: RunError) -> Run:
        return run.finished(status, at=self._clock(), error=error)

    def _judged(self, run: Run, ready: ReadyTool, outcome: Outcome) -> Run:
        if outcome.status is OutcomeStatus.SUCCESS and ready.output is not None:
            faults = ready.output.faults(outcome.output)
            if faults:
                outcome = _unfit(outcome, faults)
        return run.finished(
            _STATUS[outcome.status],
            at=self._clock(),
            output=outcome.output,
            content=outcome.content,
            error=outcome.error,
            logs=outcome.logs,
        )

    def _ended(self, run: Run) -> None:
        self._observe(run)
        logger.info(
            "run ended",
            extra={
                "event": "run.finished",
                "status": run.status.value,
                "toolset": run.toolset_slug,
                "tool": run.tool_slug,
                "source": run.source.value,
                "duration_ms": run.duration_ms,
            },
        )


_BROKEN = RunError(name="InternalError", message="The server could not run the tool; its log has the cause.")
_UNSTORABLE: JsonObject = {
    "pointer": "",
    "detail": "NaN, infinity, lone surrogates and nesting this deep are not JSON that can be kept",
}


def _is_storable(arguments: JsonValue) -> bool:
    try:
        json_values.dump(arguments)
    except ValueError:
        return False
    return True


def _unfit(outcome: Outcome, faults: list[JsonObject]) -> Outcome:
    message = f"The tool's output does not fit its own output schema: {sentence(faults)}"
    error = RunError(name="OutputInvalid", message=message)
    return Outcome(status=OutcomeStatus.FAILED, error=error, logs=outcome.logs)
