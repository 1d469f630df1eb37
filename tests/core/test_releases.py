"""Releases: what a version needs to run, made once."""

import pytest

from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.releases import Releases
from jinba_mcp.domain.errors import ToolNotFound, VersionNotFound
from jinba_mcp.domain.ids import VersionId
from tests.worlds import World


async def test_a_release_is_loaded_once_and_its_tools_made_ready_once(world: World) -> None:
    await world.publish()
    toolset = await world.core.toolsets.get(world.operator, "default", "greeting-tools")
    releases = Releases(world.store, Allowance())
    release = await releases.get(toolset.published_version_id or VersionId(""), toolset.slug)
    assert await releases.get(release.version.id, toolset.slug) is release
    assert release.ready("greet") is release.ready("greet")
    assert release.ready("greet").program.tool == "greet"
    assert release.limits == Allowance().limits(release.content.sandbox)
    with pytest.raises(ToolNotFound):
        release.ready("nothing")


async def test_an_unknown_version_is_not_found(world: World) -> None:
    with pytest.raises(VersionNotFound):
        await Releases(world.store, Allowance()).get(VersionId("ver_nothing"), "greeting-tools")
