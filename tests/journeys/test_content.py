"""What a tool answers is the same in the sandbox and outside of it, and its progress is heard while it runs."""

import re
from typing import Any

import anyio
import pytest

from tests.journeys import tools
from tests.journeys.houses import WITHIN_S, House

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

ARGUMENTS: dict[str, dict[str, Any]] = {
    "plain": {"a": 1, "c": "x"},
    "models": {"day": "2026-11-21", "count": 2},
    "later": {"n": 1},
}
BOTH = ("walled-tools", "unwalled-tools")
MODES = ["auto", "legacy"]


@pytest.mark.parametrize("tool", tools.SHARED)
def test_a_tool_answers_the_same_in_the_sandbox_and_in_process(house: House, tool: str) -> None:
    walled, unwalled = (house.run(f"{toolset}/{tool}", **ARGUMENTS.get(tool, {})) for toolset in BOTH)
    assert (walled["isolation"]["provider"], unwalled["isolation"]["provider"]) == ("local", "inprocess")
    for field in ("status", "output", "error", "logs"):
        assert plainly(walled[field]) == plainly(unwalled[field])
    assert walled.get("content") == unwalled.get("content")


def plainly(field: Any) -> Any:
    """Without the name of the ToolSet, which is in tracebacks."""
    return re.sub("unwalled-tools", "walled-tools", field["traceback"] or "") if _is_error(field) else field


def _is_error(field: Any) -> bool:
    return isinstance(field, dict) and "traceback" in field


def test_the_same_schemas_are_read_in_the_sandbox_and_in_process(house: House) -> None:
    walled, unwalled = (house.ask("GET", f"/toolsets/{toolset}/tools").json() for toolset in BOTH)
    assert len(walled["data"]) == len(tools.SHARED)
    assert walled == unwalled


@pytest.mark.parametrize("mode", MODES)
async def test_an_mcp_client_gets_the_same_from_both(house: House, mode: str) -> None:
    walled, unwalled = BOTH
    with anyio.fail_after(WITHIN_S):
        async with house.client(walled, mode) as one, house.client(unwalled, mode) as other:
            for tool in tools.SHARED:
                results = [await client.call_tool(tool, ARGUMENTS.get(tool, {})) for client in (one, other)]
                said, expected = (result.model_dump(exclude={"meta"}) for result in results)
                assert said == expected, tool


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("toolset", ["plain-tools", "plain-scripts"])
async def test_progress_reaches_a_client_that_asked(house: House, toolset: str, mode: str) -> None:
    steps: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total, message))

    with anyio.fail_after(WITHIN_S):
        async with house.client(toolset, mode) as client:
            result = await client.call_tool("steps", {"to": 3}, progress_callback=note)
    assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]
    assert "Counted to 3." in result.model_dump_json()


async def test_typescript_makes_rich_content(house: House) -> None:
    with anyio.fail_after(WITHIN_S):
        async with house.client("plain-scripts") as client:
            result = await client.call_tool("rich", {})
    assert [block.type for block in result.content] == ["text", "text", "image"]
    assert result.structured_content == {"n": 1}
