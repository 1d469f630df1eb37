"""ToolSets through the client: made, changed, exported, imported, activated and deleted."""

import io
import zipfile

import pytest

from jinba_mcp.client import Conflict, Forbidden, PreconditionFailed
from tests.client.conftest import Open

CODE = "def run(name: str) -> dict:\n    return {'hello': name}\n"


async def test_a_toolset_lives_through_the_client(opened: Open) -> None:
    async with opened("read", "write") as jinba:
        tool = {"slug": "greet", "code": CODE}
        made = await jinba.toolsets.create("made-here", name="Made", tools=[tool])
        assert [each["slug"] async for each in jinba.toolsets.list(limit=1)] == ["made-here"]
        changed = await jinba.toolsets.change("made-here", if_match=made["etag"], tags=["demo"], mcpEnabled=True)
        assert (changed["tags"], changed["etag"] == made["etag"]) == (["demo"], False)
        with pytest.raises(PreconditionFailed):
            await jinba.toolsets.change("made-here", if_match=made["etag"], tags=[])
        await jinba.versions.publish("made-here", version="1.0.0")
        assert (await jinba.toolsets.activate("made-here", "1.0.0"))["publishedVersion"] == "1.0.0"
        assert set(await jinba.toolsets.mcp_config("made-here", client="cursor")) == {"mcpServers"}
        assert (await jinba.toolsets.openapi("made-here", version="1.0.0"))["info"]["version"] == "1.0.0"
        with pytest.raises(Conflict) as unconfirmed:
            await jinba.toolsets.delete("made-here")
        assert unconfirmed.value.code == "deletion.unconfirmed"
        await jinba.toolsets.delete("made-here", confirm="made-here")
        assert [each async for each in jinba.toolsets.list()] == []


async def test_a_folder_goes_out_and_comes_back_under_another_name(opened: Open) -> None:
    async with opened("read", "write") as jinba:
        await jinba.toolsets.create("made-here", tools=[{"slug": "greet", "code": CODE}])
        await jinba.versions.publish("made-here", version="1.0.0")
        archive = await jinba.toolsets.export("made-here")
        assert "made-here/toolset.yml" in zipfile.ZipFile(io.BytesIO(archive)).namelist()
        copied = await jinba.toolsets.load(archive, slug="copied-tools")
        assert [tool["slug"] for tool in copied["tools"]] == ["greet"]
        again = await jinba.toolsets.load(await jinba.toolsets.export("made-here", version="1.0.0"))
        assert again["slug"] == "made-here"


async def test_a_key_that_may_not_is_told_which_scope_it_lacks(opened: Open) -> None:
    async with opened("read") as jinba:
        with pytest.raises(Forbidden) as refused:
            await jinba.toolsets.create("made-here")
    assert (refused.value.details["required"], refused.value.details["held"]) == ("write", ["read"])
