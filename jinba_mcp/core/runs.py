"""Runs: the one path by which any tool ever runs; `history.py` reads what is recorded of it.

A call is checked, journalled as started, executed with no transaction open, journalled as finished, and then answered.
Every call comes through `_prepare` before anything of it begins; `execution.py` has what follows.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import JsonValue

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.core.catalog import DRAFT, Catalog, Located, ToolRef
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.env import Variables
from jinba_mcp.core.execution import Execution, Observer, Prepared
from jinba_mcp.core.flights import Flights
from jinba_mcp.core.history import seen_by
from jinba_mcp.core.limits import Limits
from jinba_mcp.core.releases import ReadyTool
from jinba_mcp.core.repeats import Repeats, Taken, claimed, repeat_key
from jinba_mcp.domain import ids, json_values
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import RunEnded, RunNotReplayable, ShuttingDown, ToolNotFound, ToolSetNotFound
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.keeping import Keeper
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunPart, RunSource, RunStatus
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.sandbox.engine import Engine, Setup
from jinba_mcp.storage.store import Store

_CANCELLING_S = 3.0
"""How long whoever cancels a run waits to see it ended."""


class CallContext(NamedTuple):
    """Where a call came from, for its record."""

    source: RunSource
    client: str | None = None
    """At most 200 characters."""
    request_id: str | None = None
    """At most 100."""
    replay_of: RunId | None = None


@dataclass(frozen=True)
class _Plan:
    """What there is to know of a call before its arguments are: alike for all calls of one tool by one caller."""

    located: Located
    ready: ReadyTool
    engine: Engine
    setup: Setup
    organization_id: OrganizationId
    """Whose the run is."""
    toolset_slug: str
    """What the ToolSet is called there."""
    price: int


@dataclass(frozen=True)
class Answer:
    """A run, and whether it is that of an earlier call under the same `Idempotency-Key`."""

    run: Run
    is_repeated: bool


class Runs:
    """Calls and their records."""

    def __init__(  # noqa: PLR0913  the one place where everything a call needs meets
        self,
        store: Store,
        clock: Clock,
        catalog: Catalog,
        engines: Engines,
        variables: Variables,
        *,
        keeper: Keeper,
        limits: Limits,
        observe: Observer = lambda _: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._engines = engines
        self._variables = variables
        self._keeper = keeper
        self._plans: GenerationCache[tuple[Caller, ToolRef], _Plan] = GenerationCache(store, max_entries=1_000)
        self._flights = Flights(store)
        self._repeats = Repeats(store, clock, self._flights)
        self._execution = Execution(store, clock, self._flights, self._repeats, limits=limits, observe=observe)

    async def call(
        self,
        caller: Caller,
        ref: ToolRef,
        arguments: JsonObject,
        context: CallContext,
        report: Reporter | None = None,
    ) -> Run:
        """Run a tool once and return the recorded run, however the tool itself fared.

        The run that is returned is whole; its record may be truncated and redacted.

        Raises:
            NotFound: no such organization, ToolSet, version or tool for this caller.
            ScopeMissing: `execute` is not held.
            ArgumentsInvalid: they do not fit the schema; recorded as a failed run.
            LimitExceeded: too many of this tool, or at once; nothing is recorded.
            CreditsInsufficient: the tool has a price that is more than is left; nothing is recorded.
            Unavailable: nothing here may run this code, or the server is shutting down.
        """
        plan = await self._plan(caller, ref)
        return await self._execution.run(await self._prepare(caller, plan, arguments, context), report)

    async def call_once(
        self, caller: Caller, ref: ToolRef, arguments: JsonObject, context: CallContext, key: str
    ) -> Answer:
        """`call`, unless the organization made the same call under this `Idempotency-Key` in the last 24 hours.

        Then it is the record of the first run, waited for while it is in flight. A call that is refused, because its
        arguments do not fit or nothing can run it now, leaves the key free.

        Raises:
            IdempotencyKeyReused: the key stands for another call.
            FieldsInvalid: this can be no key.
            Unavailable: as `call`; or the first run does not end.
        """
        plan = await self._plan(caller, ref)
        if not _is_storable(arguments):
            return Answer(await self.call(caller, ref, arguments, context), is_repeated=False)
        wanted = repeat_key(plan.organization_id, key, plan.toolset_slug, ref.tool, ref.version, arguments)
        first = await self._repeats.first(wanted)
        if first is None:
            prepared = await self._prepare(caller, plan, arguments, context)
            try:
                return Answer(await self._execution.run(prepared, key=wanted), is_repeated=False)
            except Taken as taken:
                first = claimed(taken.claim, wanted)
        return Answer(await self._repeats.answer(wanted, first), is_repeated=True)

    async def test(
        self,
        caller: Caller,
        ref: ToolRef,
        arguments: JsonObject,
        context: CallContext,
        report: Reporter | None = None,
    ) -> Run:
        """Run a tool of the draft once, in the engine and within the limits that its version will have.

        Raises:
            NotFound: no such organization, ToolSet or tool for this caller.
            ScopeMissing: `write` and `execute` are not both held.
            ArgumentsInvalid: they do not fit the schema; recorded as a failed run.
            Unavailable: nothing here may run this code, or the server is shutting down.
        """
        caller.require(ref.organization, Scope.WRITE)
        organization_id = caller.require(ref.organization, Scope.EXECUTE)
        if not caller.may_use(ref.toolset, ref.tool):
            raise ToolNotFound(ref.tool, "Or this key may not use it.")
        plan = await self._plan_of(caller, await self._catalog.locate_draft(organization_id, ref.toolset), ref.tool)
        return await self._execution.run(await self._prepare(caller, plan, arguments, context), report)

    async def replay(self, caller: Caller, organization: str, run_id: str, context: CallContext) -> Run:
        """Run the same version once more with the same input; the new run names the old one.

        Raises:
            RunNotFound: unknown, another organization's, or of a tool the key is narrowed out of.
            RunNotReplayable: its record has not all of the input, or it ran a draft, which may be another by now.
        """
        organization_id = caller.require(organization, Scope.EXECUTE)
        async with self._store.read() as tx:
            run = seen_by(caller, await tx.runs.find(organization_id, RunId(run_id)), run_id)
        if run.version_id == DRAFT:
            raise RunNotReplayable(run_id, "it was a test of the draft, which may have changed; test it again")
        for parts, what in ((run.truncated, "truncated"), (run.redacted, "redacted")):
            if RunPart.INPUT in parts:
                raise RunNotReplayable(run_id, f"its input was {what} before it was stored; call the tool anew")
        owner, _, slug = run.toolset_slug.rpartition("/")
        ref = ToolRef(
            organization=owner or organization_id,
            toolset=slug,
            tool=run.tool_slug,
            version=run.version,
            is_public=bool(owner),
        )
        # A personal key may be at home elsewhere; the repetition belongs where the original does.
        here = caller.model_copy(
            update={"grants": tuple(g for g in caller.grants if g.organization_id == organization_id)}
        )
        return await self.call(here, ref, run.input, context._replace(replay_of=run.id))

    async def cancel(self, caller: Caller, organization: str, run_id: str) -> Run:
        """Have a run in flight cancelled, in whichever process on this database it is; asking twice is harmless.

        Returns the record as soon as the run has ended. If its process takes longer than some seconds, or died, that is
        the record as it is then; the run ends all the same.

        Raises:
            RunNotFound: unknown, another organization's, or of a tool the key is narrowed out of.
            RunEnded: it ended on its own before it could be cancelled.
        """
        organization_id = caller.require(organization, Scope.EXECUTE)
        now = self._clock()
        async with self._store.begin() as tx:
            run = seen_by(caller, await tx.runs.find(organization_id, RunId(run_id)), run_id)
            if not run.status.is_final and await tx.runs.request_cancelling(run.id, now):
                change = audit.fact(caller, "run.cancelled", run.id, organization_id=organization_id, at=now)
                await tx.audit.add(change)
        if not run.status.is_final:
            self._flights.call_off(run.id)
            run = await self._flights.wait_for_end(organization_id, run.id, _CANCELLING_S)
        if run.status.is_final and run.status is not RunStatus.CANCELLED:
            raise RunEnded(run_id, run.status)
        return run

    def abandon(self, task: "asyncio.Task[Any] | None") -> bool:
        """System's own: cancel the run that a task waits for, since its caller is gone; whether there is one.

        A call under an `Idempotency-Key` goes on, since its caller means to ask again.
        """
        return self._flights.abandon(task)

    async def settle(self) -> None:
        """System's own, with each heartbeat: record the ends that the database could not take when they came."""
        await self._execution.settle()

    async def drain(self, grace_s: float) -> None:
        """System's own, at shutdown: take no more calls, give those in flight `grace_s`, then cancel them."""
        await self._execution.drain(grace_s)

    async def _plan(self, caller: Caller, ref: ToolRef) -> _Plan:
        key = caller, ref
        plan = self._plans.at_hand(key) or await self._plans.get(key, lambda: self._made_plan(caller, ref))
        if plan is None:
            raise ToolNotFound(ref.tool)
        return plan

    async def _made_plan(self, caller: Caller, ref: ToolRef) -> _Plan:
        try:
            located = await self._catalog.locate(caller, ref, Scope.EXECUTE)
        except ToolSetNotFound as error:
            raise ToolSetNotFound(ref.toolset, "Or this key may not use it.") from error
        if not caller.may_use(located.toolset.slug, ref.tool):
            raise ToolNotFound(ref.tool, "Or this key may not use it.")
        return await self._plan_of(caller, located, ref.tool)

    async def _plan_of(self, caller: Caller, located: Located, tool: str) -> _Plan:
        if self._execution.is_draining:
            raise ShuttingDown
        release = located.release
        ready = release.ready(tool)
        engine = self._engines.of(release.content.sandbox, release.origin)
        organization_id, slug = _recorded_under(caller, located)
        env = await self._variables.of(located.toolset)
        setup = Setup(program=ready.program, limits=release.limits, env=env, tenant=organization_id)
        return _Plan(located, ready, engine, setup, organization_id, slug, _price(located, tool))

    async def _prepare(self, caller: Caller, plan: _Plan, arguments: JsonObject, context: CallContext) -> Prepared:
        if self._execution.is_draining:
            raise ShuttingDown
        ready = plan.ready
        storable = _is_storable(arguments)
        run = self._begin(caller, plan, arguments if storable else {}, context)
        kept = self._keeper.begun(run, ready.secret_input, ready.secret_output)
        faults = ready.arguments.faults(arguments) if storable else [_UNSTORABLE]
        if faults:
            await self._execution.refuse(run, kept, faults)
        return Prepared(run, kept, ready, plan.engine, plan.setup, plan.price)

    def _begin(self, caller: Caller, plan: _Plan, arguments: JsonObject, context: CallContext) -> Run:
        version = plan.located.release.version
        now = self._clock()
        return Run.trusted(
            {
                "id": ids.run_id(now),
                "organization_id": plan.organization_id,
                "toolset_slug": plan.toolset_slug,
                "tool_slug": plan.ready.tool.slug,
                "version_id": version.id,
                "version": version.number,
                "version_digest": version.digest,
                "source": context.source,
                "status": RunStatus.RUNNING,
                "input": arguments,
                "key_id": caller.key_id,
                "key_name": caller.key_name,
                "key_prefix": caller.key_prefix,
                "user_id": caller.user_id,
                "client": context.client,
                "request_id": context.request_id,
                "replay_of": context.replay_of,
                "created_at": now,
                "started_at": now,
            }
        )


def _price(located: Located, tool: str) -> int:
    # Whoever tests a draft is its author.
    return 0 if located.release.version.id == DRAFT else located.toolset.listing.prices.get(tool, 0)


_UNSTORABLE: JsonObject = {
    "pointer": "",
    "detail": "NaN, infinity, lone surrogates and nesting this deep are not JSON that can be kept",
}


def _recorded_under(caller: Caller, located: Located) -> tuple[OrganizationId, str]:
    """Whose run it is, and what the ToolSet is called there."""
    organization_id, slug = located.toolset.organization_id, str(located.toolset.slug)
    if caller.belongs_to(organization_id):
        return organization_id, slug
    # A stranger's call of a public ToolSet is the stranger's run: its owner has no business with the arguments.
    return caller.home(Scope.EXECUTE).organization_id, f"{organization_id}/{slug}"


def _is_storable(arguments: JsonValue) -> bool:
    try:
        json_values.written(arguments)
    except ValueError:
        return False
    return True
