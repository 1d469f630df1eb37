"""Tools of a draft through the client."""

import pytest

from jinba_mcp.client import NotFound
from jinba_mcp.sandbox.engine import Outcome, OutcomeStatus
from tests.client.conftest import Open
from tests.worlds import PretendedSandbox

CODE = "def run(name: str) -> dict:\n    return {'hello': name}\n"


async def test_a_tool_is_added_changed_and_taken_out(sandbox: PretendedSandbox, opened: Open) -> None:
    sandbox.outcome = Outcome(status=OutcomeStatus.SUCCESS, output={"hello": "Al"})
    async with opened("read", "write", "execute") as jinba:
        await jinba.toolsets.create("greeting-tools")
        made = await jinba.tools.create("greeting-tools", "wave", CODE, description="Wave.")
        assert made["inputSchema"]["type"] == "object"
        assert [tool["slug"] async for tool in jinba.tools.list("greeting-tools")] == ["wave"]
        changed = await jinba.tools.change("greeting-tools", "wave", if_match=made["etag"], name="Wave at someone")
        assert (changed["name"], changed["code"]) == ("Wave at someone", CODE)
        assert (await jinba.runs.test("greeting-tools", "wave", {"name": "Al"}))["output"] == {"hello": "Al"}
        await jinba.tools.delete("greeting-tools", "wave", if_match=changed["etag"])
        with pytest.raises(NotFound) as refused:
            await jinba.tools.get("greeting-tools", "wave")
    assert refused.value.code == "tool.not_found"
