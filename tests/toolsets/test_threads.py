"""Tools run in many threads of one process at once, and must not notice."""

from typing import Any

import anyio
import pytest

from jinba_mcp.sandbox.engine import Limits, Outcome, OutcomeStatus, Setup
from jinba_mcp.sandbox.inprocess import InProcessEngine
from tests.toolsets import running

CALLS: dict[str, dict[str, Any]] = {
    "data-tools/convert": {"text": "a: &x [1, no]\nb: *x\n", "source": "yaml", "target": "json"},
    "data-tools/query-csv": {"csv": "a,b\n1,x\n2,y\n", "sql": "SELECT b, SUM(a) OVER () FROM data"},
    "data-tools/query-json": {"expression": "sort_by(@, &n)[].n", "data": [{"n": 3}, {"n": 1}]},
    "data-tools/validate-json": {"schema": {"items": {"pattern": "^a+$"}}, "data": ["aa", "ab"]},
    "greeting-tools/greet": {"name": "Alice"},
    "text-tools/reading-statistics": {"text": "One two three. Four five."},
    "text-tools/regex-extract": {"text": "a1 b2", "pattern": r"([a-z])(\d)"},
    "text-tools/render-template": {"template": "{% for x in xs %}{{ x }}{% endfor %}", "values": {"xs": [1, 2]}},
    "text-tools/slugify": {"text": "Ünï cödé"},
    "text-tools/unified-diff": {"before": "a\nb\n", "after": "a\nc\n"},
    "text-tools/word-statistics": {"text": "One two two."},
    "time-tools/business-days": {"start": "2026-04-01", "days": 200, "country": "JP"},
    "time-tools/convert-timezone": {"time": "2026-03-29T01:30", "to_zone": "Asia/Tokyo"},
    "time-tools/cron-next": {"expression": "0 9 * * 1", "after": "2026-03-12T00:00"},
    "time-tools/parse-time": {"text": "12 March 2026 3pm"},
}
SHIPPED = {f"{slug}/{tool.slug}": (slug, tool) for slug, tool in running.shipped()}


def test_every_tool_with_a_steady_answer_is_called_here() -> None:
    assert CALLS.keys() == SHIPPED.keys() - {"time-tools/now"}


@pytest.mark.parametrize("name", CALLS)
async def test_many_threads_get_the_same_answer(name: str) -> None:
    program = running.program(*SHIPPED[name])
    engine = InProcessEngine(max_threads=8)
    outcomes: list[Outcome] = []

    async def call() -> None:
        outcomes.append(await engine.run(Setup(program, Limits(timeout_s=60)), CALLS[name]))

    try:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(call)
    finally:
        await engine.close()
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.SUCCESS] * 8
    assert all(outcome.output == outcomes[0].output for outcome in outcomes)
