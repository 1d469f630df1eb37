"""The wire forms of statistics: what to count, and what it comes to."""

from typing import Annotated, Any

from pydantic import Field

from jinba_mcp.domain.tallies import By, Figures, Statistics, StatisticsFilter
from jinba_mcp.faces.rest.wire import In, Instant, InstantIn, Out, Text


class StatisticsQuery(In):
    """Which runs to count; `since` is included, `until` is not. Both are widened to full hours or days in UTC."""

    by: By = By.HOUR
    toolset: Text | None = None
    tool: Text | None = None
    version: Text | None = None
    since: InstantIn | None = None
    until: InstantIn | None = None

    def filter(self) -> StatisticsFilter:
        return StatisticsFilter(**self.model_dump())


class FiguresOut(Out):
    """How often, how well and how long; durations are null when the tool never ran."""

    count: int
    failed_count: int
    failure_rate: Annotated[float, Field(ge=0, le=1)]
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None


class PointOut(FiguresOut):
    """One hour or day."""

    at: Annotated[Instant, Field(description="When it begins.")]


class ToolStatisticsOut(FiguresOut):
    """One tool: over the whole time, and point by point."""

    toolset_slug: Annotated[str, Field(alias="toolSetSlug")]
    tool_slug: str
    points: list[PointOut]


class StatisticsOut(Out):
    """The busiest tool first; `isComplete` is false when there were more tools than are shown."""

    since: Instant
    until: Instant
    by: By
    tools: list[ToolStatisticsOut]
    is_complete: bool


def statistics_out(found: Statistics) -> StatisticsOut:
    return StatisticsOut(
        since=found.since,
        until=found.until,
        by=found.by,
        tools=[
            ToolStatisticsOut(
                toolset_slug=tool.toolset_slug,
                tool_slug=tool.tool_slug,
                points=[PointOut(at=point.at, **_figures(point)) for point in tool.points],
                **_figures(tool),
            )
            for tool in found.tools
        ],
        is_complete=found.is_complete,
    )


def _figures(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in FiguresOut.model_fields}
