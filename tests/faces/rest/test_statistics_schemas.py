"""Search and statistics over REST."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jinba_mcp.domain.tallies import By, Point, Statistics, ToolFigures
from jinba_mcp.faces.rest.statistics_schemas import statistics_out
from tests.faces.rest.conftest import Rest

RUN = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
RUNS = "/v1/orgs/default/runs"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_figures_are_written_in_full() -> None:
    figures: dict[str, Any] = {"count": 4, "failed_count": 1, "p50_ms": 3, "p95_ms": 9, "p99_ms": None}
    tool = ToolFigures(toolset_slug="a", tool_slug="b", points=(Point(at=NOON, **figures),), **figures)
    found = Statistics(since=NOON, until=NOON, by=By.HOUR, tools=(tool,), is_complete=True)
    wire = {"count": 4, "failedCount": 1, "failureRate": 0.25, "p50Ms": 3, "p95Ms": 9, "p99Ms": None}
    assert statistics_out(found).model_dump(by_alias=True, mode="json") == {
        "since": "2026-11-21T12:00:00.000Z",
        "until": "2026-11-21T12:00:00.000Z",
        "by": "hour",
        "tools": [
            {"toolSetSlug": "a", "toolSlug": "b", "points": [{"at": "2026-11-21T12:00:00.000Z", **wire}], **wire}
        ],
        "isComplete": True,
    }


async def test_statistics_are_answered_per_tool(rest: Rest) -> None:
    await rest.push()
    await rest.ask("POST", RUN, "execute", json={"name": "Al"})
    await rest.ask("POST", RUN.replace("greet/run", "fail/run"), "execute", json={})
    answer = (await rest.ask("GET", f"{RUNS}/statistics", "read", params={"by": "day"})).json()
    assert [(tool["toolSlug"], tool["count"], tool["failureRate"]) for tool in answer["tools"]] == [
        ("fail", 1, 1.0), ("greet", 1, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"by": "week"}, "by"),
        ({"since": "2026-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-11-22T00:00:00Z"}, "since"),
        ({"until": "yesterday"}, "until"),
        ({"sinse": "2026-11-21T00:00:00Z"}, "sinse"),
    ],
)
async def test_statistics_that_cannot_be_asked_for_are_refused(
    rest: Rest, params: dict[str, str], parameter: str
) -> None:
    answer = await rest.ask("GET", f"{RUNS}/statistics", "read", params=params)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, parameter)


async def test_runs_are_searched(rest: Rest) -> None:
    await rest.push()
    await rest.ask("POST", RUN, "execute", json={"name": "Al"}, headers={"User-Agent": "cursor/1.0"})
    rest.clock.advance(seconds=1)
    await rest.ask("POST", RUN.replace("greet/run", "fail/run"), "execute", json={})

    async def tools(**params: str) -> list[str]:
        answer = await rest.ask("GET", RUNS, "read", params=params)
        return [run["toolSlug"] for run in answer.json()["data"]]

    assert await tools(q="greeting-tools") == ["fail", "greet"]
    assert await tools(q="no luck") == ["fail"]
    assert await tools(q="CURSOR") == ["greet"]
    assert await tools(q="cursor", status="failed") == []


@pytest.mark.parametrize("query", ["", "***", "a b c d e f g h i", "x" * 201])
async def test_a_query_without_words_or_with_too_many_is_refused(rest: Rest, query: str) -> None:
    answer = await rest.ask("GET", RUNS, "read", params={"q": query})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "q")
