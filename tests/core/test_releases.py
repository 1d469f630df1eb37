"""Releases: what a version needs to run, made once."""

import pytest

from jinba_mcp.core.releases import Releases
from jinba_mcp.domain.errors import ToolNotFound, VersionNotFound
from jinba_mcp.domain.ids import VersionId
from jinba_mcp.sandbox.engine import Limits
from tests.worlds import World


async def test_a_release_is_loaded_once_and_its_tools_made_ready_once(world: World) -> None:
    await world.publish()
    toolset = await world.core.toolsets.get(world.operator, "default", "greeting-tools")
    releases = Releases(world.store)
    release = await releases.get(toolset.published_version_id or VersionId(""), toolset.slug)
    assert await releases.get(release.version.id, toolset.slug) is release
    assert release.ready("greet") is release.ready("greet")
    assert release.ready("greet").program.tool == "greet"
    with pytest.raises(ToolNotFound):
        release.ready("nothing")


async def test_an_unknown_version_is_not_found(world: World) -> None:
    with pytest.raises(VersionNotFound):
        await Releases(world.store).get(VersionId("ver_nothing"), "greeting-tools")


async def test_a_toolset_may_ask_for_its_own_time(world: World) -> None:
    await world.publish()
    toolset = await world.core.toolsets.get(world.operator, "default", "greeting-tools")
    release = await Releases(world.store).get(toolset.published_version_id or VersionId(""), toolset.slug)
    assert release.limits(Limits(timeout_s=7)).timeout_s == 7
    wishing = release.content.model_copy(
        update={"sandbox": release.content.sandbox.model_copy(update={"timeout_s": 3})}
    )
    assert type(release)(release.version, wishing, toolset.slug).limits(Limits(timeout_s=7)).timeout_s == 3
