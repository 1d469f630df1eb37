"""History: what ran, how often, how long and how well."""

import math
from datetime import UTC, datetime, timedelta

from jinba_mcp.clock import Clock
from jinba_mcp.core.filing import Filing
from jinba_mcp.domain import tallies
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import FieldsInvalid, RunNotFound
from jinba_mcp.domain.ids import RunId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.runs import Run, RunFilter
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tallies import (
    MAX_SPAN,
    By,
    Point,
    Statistics,
    StatisticsFilter,
    Tally,
    TallyFilter,
    ToolFigures,
)
from jinba_mcp.storage.store import Store

MAX_TOOLS = 50
"""The busiest."""
MAX_POINTS = 1_600
"""Of one answer: all tools by the hour for a day, or by the day for a month; one tool by the hour for two months."""
_DEFAULT_SPAN = {By.HOUR: timedelta(days=1), By.DAY: timedelta(days=30)}
_FIRST = datetime.min.replace(tzinfo=UTC)


class History:
    """Reads the records of runs; `runs.py` makes them."""

    def __init__(self, store: Store, clock: Clock, filing: Filing) -> None:
        self._store = store
        self._clock = clock
        self._filing = filing

    async def get(self, caller: Caller, organization: str, run_id: str) -> Run:
        """One run.

        Raises:
            RunNotFound: unknown, another organization's, or of a tool the key is narrowed out of.
        """
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            run = await tx.runs.find(organization_id, RunId(run_id))
        return seen_by(caller, run, run_id)

    async def page(self, caller: Caller, organization: str, wanted: RunFilter, request: PageRequest) -> Page[Run]:
        """Runs, newest first. A page may be short, or empty, and have another after it.

        That is so for a narrowed key, which sees the runs of its own tools only, and for a search or several filters at
        once, which look at so many runs for one page.
        """
        organization_id = caller.require(organization, Scope.READ)
        if wanted.q is not None:
            await self._filing.catch_up()
        async with self._store.read() as tx:
            page = await tx.runs.page(organization_id, wanted, request)
        return page.model_copy(
            update={"items": tuple(r for r in page.items if caller.may_use(r.toolset_slug, r.tool_slug))}
        )

    async def statistics(self, caller: Caller, organization: str, wanted: StatisticsFilter) -> Statistics:
        """Counts, failures and durations per tool and hour or day, over all runs that were, deleted ones included.

        A narrowed key sees its own tools only. Percentiles are up to 5 % off.

        Raises:
            FieldsInvalid: the time is longer than `MAX_SPAN`, or ends before it begins, or has more hours or days, for
                as many tools as ran in it, than `MAX_POINTS`.
        """
        organization_id = caller.require(organization, Scope.READ)
        by, within = wanted.by, _bounded(wanted, self._clock())
        await self._filing.catch_up()
        async with self._store.read() as tx:
            busiest = [name for name in await tx.tallies.tools(organization_id, within) if caller.may_use(*name)]
            shown = busiest[:MAX_TOOLS]
            _check_points(within, by, len(shown))
            found = await tx.tallies.of(organization_id, within, by, shown)
        return Statistics(
            since=within.since,
            until=within.until,
            by=by,
            tools=tuple(_tool_figures(name, found[name]) for name in shown),
            is_complete=len(busiest) <= MAX_TOOLS,
        )


def _bounded(wanted: StatisticsFilter, now: datetime) -> TallyFilter:
    by, end = wanted.by, wanted.until or now
    since = wanted.since or end - min(_DEFAULT_SPAN[by], end - _FIRST)
    if not since <= end or since == wanted.until:
        raise FieldsInvalid([{"parameter": "since", "detail": "it must be before `until`, which is now if not given"}])
    if end - since > MAX_SPAN:
        detail = f"at most {MAX_SPAN.days} days before `until`"
        raise FieldsInvalid([{"parameter": "since", "detail": detail}])
    # Until now means with what is counted of this hour or day so far.
    until = wanted.until or by.start(now) + by.step
    names = wanted.model_dump(include={"toolset", "tool", "version"})
    return TallyFilter(since=by.start(since), until=until, **names)


def _check_points(within: TallyFilter, by: By, tool_count: int) -> None:
    count = math.ceil((within.until - within.since) / by.step) * max(1, tool_count)
    if count > MAX_POINTS:
        coarser = "by day, " if by is By.HOUR else ""
        detail = (
            f"this time by the {by.value} for {tool_count} tools is up to {count:,} points, and one answer has at most "
            f"{MAX_POINTS:,}: ask {coarser}for a shorter time, or for one tool"
        )
        raise FieldsInvalid([{"parameter": "since", "detail": detail}])


def _tool_figures(name: tuple[str, str], points: dict[str, list[Tally]]) -> ToolFigures:
    together = tallies.figures([tally for some in points.values() for tally in some])
    return ToolFigures(
        toolset_slug=name[0],
        tool_slug=name[1],
        points=tuple(
            Point(at=datetime.fromisoformat(at).replace(tzinfo=UTC), **tallies.figures(some).model_dump())
            for at, some in points.items()
        ),
        **together.model_dump(),
    )


def seen_by(caller: Caller, run: Run | None, run_id: str) -> Run:
    """The run, if it is there for this caller.

    Raises:
        RunNotFound: it is not, or is of a tool the key is narrowed out of.
    """
    if run is None or not caller.may_use(run.toolset_slug, run.tool_slug):
        raise RunNotFound(run_id)
    return run
