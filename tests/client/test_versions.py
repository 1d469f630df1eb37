"""Versions through the client."""

import pytest

from jinba_mcp.client import Conflict
from tests.client.conftest import Open

CODE = "def run(name: str) -> dict:\n    return {}\n"


async def test_versions_are_published_compared_and_marked(opened: Open) -> None:
    async with opened("read", "write") as jinba:
        tools = [{"slug": slug, "code": CODE} for slug in ("fail", "greet")]
        await jinba.toolsets.create("greeting-tools", tools=tools)
        await jinba.versions.publish("greeting-tools", version="1.0.0")
        await jinba.tools.delete("greeting-tools", "fail")
        made = await jinba.versions.publish("greeting-tools", version="2.0.0", release_notes="No more failing.")
        assert (made["version"], made["releaseNotes"]) == ("2.0.0", "No more failing.")
        assert [each["version"] async for each in jinba.versions.list("greeting-tools", limit=1)] == ["2.0.0", "1.0.0"]
        compared = await jinba.versions.diff("greeting-tools", "1.0.0", "2.0.0")
        assert (compared["removed"], [each["tool"] for each in compared["breaking"]]) == (["fail"], ["fail"])
        marked = await jinba.versions.mark("greeting-tools", "1.0.0", deprecated=True, deprecationMessage="old")
        assert marked["deprecationMessage"] == "old"
        shown = await jinba.versions.get("greeting-tools", "2.0.0")
        assert [tool["slug"] for tool in shown["tools"]] == ["greet"]
        with pytest.raises(Conflict) as refused:
            await jinba.versions.publish("greeting-tools", version="2.0.0")
    assert refused.value.code == "version.exists"
