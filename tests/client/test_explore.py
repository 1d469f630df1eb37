"""Public ToolSets through the client, without a key."""

import pytest

from jinba_mcp.client import NotFound
from tests.client.conftest import client
from tests.faces.rest.conftest import Rest


async def test_public_toolsets_are_found_without_a_key(rest: Rest) -> None:
    await rest.push("their-tools", "other")
    await rest.push()
    async with client(rest, "") as jinba:
        found = await jinba.explore.find(tag="demo", limit=1, offset=1)
        assert (len(found["data"]), found["total"]) == (1, 2)
        assert [each["slug"] for each in (await jinba.explore.find(q="their"))["data"]] == ["their-tools"]
        detail = await jinba.explore.get("other", "their-tools")
        assert [tool["slug"] for tool in detail["tools"]] == ["fail", "greet"]
        assert [tag async for tag in jinba.explore.tags()] == [{"tag": "demo", "count": 2}]
        with pytest.raises(NotFound):
            await jinba.explore.get("other", "no-tools")
