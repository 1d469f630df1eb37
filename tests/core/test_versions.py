"""Versions: numbers, immutability, activation, rollback, diff, and pushing the same again."""

from collections.abc import Callable

import anyio
import pytest

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.toolsets import Source
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.errors import (
    DraftEmpty,
    FieldsInvalid,
    ScopeMissing,
    ToolSetNotFound,
    VersionExists,
    VersionNotFound,
    VersionUnchanged,
    VersionYanked,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.scopes import Scope
from tests.worlds import World

Make = Callable[..., Source]


def returning(value: int) -> str:
    return f"def run() -> dict:\n    return {{'v': {value}}}"


async def active_output(world: World) -> object:
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    return (await world.core.runs.call(world.operator, ref, {}, CallContext(source=RunSource.REST))).output


async def test_the_first_version_is_active_and_the_next_waits(world: World, make_source: Make) -> None:
    await world.core.toolsets.save_draft(world.operator, "default", make_source(code=returning(1)))
    first = await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())
    assert (first.number, await active_output(world)) == ("1.0.0", {"v": 1})
    await world.core.toolsets.save_draft(world.operator, "default", make_source(code=returning(2)))
    second = await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())
    assert (second.number, await active_output(world)) == ("1.0.1", {"v": 1})
    toolset = await world.core.toolsets.get(world.operator, "default", "greeting-tools")
    assert (toolset.published_version, toolset.latest_version) == ("1.0.0", "1.0.1")


async def test_activation_goes_forward_and_back_at_once(world: World) -> None:
    await world.publish(greet=returning(1))
    await world.publish(greet=returning(2))
    assert await active_output(world) == {"v": 2}
    for number, output in (("1.0.0", {"v": 1}), ("1.0.0", {"v": 1}), ("1.0.1", {"v": 2})):
        await world.core.versions.activate(world.operator, "default", "greeting-tools", number)
        assert await active_output(world) == output
    with pytest.raises(VersionNotFound):
        await world.core.versions.activate(world.operator, "default", "greeting-tools", "9.0.0")


async def test_pushing_the_same_content_changes_nothing(world: World, make_source: Make) -> None:
    first = await world.core.versions.push(world.operator, "default", make_source())
    again = await world.core.versions.push(world.operator, "default", make_source())
    assert (first.is_new_version, again.is_new_version) == (True, False)
    assert again.version == first.version


async def test_pushing_the_same_content_does_not_undo_a_rollback(world: World) -> None:
    await world.publish(greet=returning(1))
    await world.publish(greet=returning(2))
    await world.core.versions.activate(world.operator, "default", "greeting-tools", "1.0.0")
    await world.publish(greet=returning(2))
    assert await active_output(world) == {"v": 1}


async def test_changed_content_becomes_the_next_patch(world: World) -> None:
    await world.publish(greet=returning(1))
    await world.publish(greet=returning(2))
    page = await world.core.versions.page(world.operator, "default", "greeting-tools", PageRequest())
    assert [version.number for version in page.items] == ["1.0.1", "1.0.0"]
    assert len({version.digest for version in page.items}) == 2


async def test_a_push_that_does_not_activate_waits(world: World, make_source: Make) -> None:
    await world.publish(greet=returning(1))
    pushed = await world.core.versions.push(world.operator, "default", make_source(code=returning(2)), activate=False)
    assert (pushed.version.number, pushed.toolset.published_version) == ("1.0.1", "1.0.0")


async def test_a_number_must_be_semver_and_exceed_the_latest(world: World, make_source: Make) -> None:
    await world.publish(greet=returning(1))
    await world.core.toolsets.save_draft(world.operator, "default", make_source(code=returning(2)))
    for number, error in (("1.0.0", VersionExists), ("0.9.0", VersionExists), ("two", FieldsInvalid)):
        with pytest.raises(error):
            await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication(version=number))
    version = await world.core.versions.publish(
        world.operator, "default", "greeting-tools", Publication(version="2.0.0", release_notes="new", activate=True)
    )
    assert (version.number, version.release_notes) == ("2.0.0", "new")
    assert await active_output(world) == {"v": 2}


async def test_there_is_nothing_to_publish_twice(world: World) -> None:
    await world.publish()
    with pytest.raises(VersionUnchanged):
        await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())


async def test_an_empty_draft_is_not_published(world: World) -> None:
    await world.core.toolsets.save_draft(world.operator, "default", Source(slug="empty-tools"))
    with pytest.raises(DraftEmpty):
        await world.core.versions.publish(world.operator, "default", "empty-tools", Publication())


async def test_a_version_stays_as_it_was_published(world: World) -> None:
    await world.publish(greet=returning(1))
    before = await world.core.versions.get(world.operator, "default", "greeting-tools", "1.0.0")
    await world.publish(greet=returning(2))
    assert await world.core.versions.get(world.operator, "default", "greeting-tools", "1.0.0") == before
    with pytest.raises(VersionNotFound):
        await world.core.versions.get(world.operator, "default", "greeting-tools", "3.0.0")


async def test_a_diff_names_what_changed_tool_by_tool(world: World) -> None:
    await world.publish(greet=returning(1), gone=returning(1))
    await world.publish(greet=returning(2), came=returning(1))
    diff = await world.core.versions.diff(world.operator, "default", "greeting-tools", "1.0.0", "1.0.1")
    assert (diff.added, diff.removed) == (("came",), ("gone",))
    assert diff.changed == ({"tool": "greet", "fields": ["code"]},)


async def test_a_yanked_version_runs_pinned_only_and_is_not_activated(world: World) -> None:
    await world.publish(greet=returning(1))
    await world.publish(greet=returning(2))
    snapshot = await world.core.versions.get(world.operator, "default", "greeting-tools", "1.0.0")
    async with world.store.begin() as tx:
        await tx.versions.save(snapshot.version.model_copy(update={"yanked_at": world.clock.now}))
    with pytest.raises(VersionYanked):
        await world.core.versions.activate(world.operator, "default", "greeting-tools", "1.0.0")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", version="1.0.0")
    run = await world.core.runs.call(world.operator, ref, {}, CallContext(source=RunSource.REST))
    assert run.output == {"v": 1}


async def test_two_publications_at_once_make_one_version(world: World, make_source: Make) -> None:
    await world.core.toolsets.save_draft(world.operator, "default", make_source())
    outcomes: list[str] = []

    async def publish() -> None:
        try:
            version = await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())
            outcomes.append(version.number)
        except VersionUnchanged:
            outcomes.append("unchanged")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(publish)
    assert sorted(outcomes) == ["1.0.0", *["unchanged"] * 4]


async def test_scopes_and_narrowing_hold_for_versions_too(world: World) -> None:
    await world.publish()
    reader = await world.key(Scope.READ)
    with pytest.raises(ScopeMissing):
        await world.core.versions.publish(reader, "default", "greeting-tools", Publication())
    with pytest.raises(ScopeMissing):
        await world.core.versions.activate(reader, "default", "greeting-tools", "1.0.0")
    narrowed = await world.key(Scope.ADMIN, toolsets=("other-tools",))
    for attempt in (
        world.core.versions.page(narrowed, "default", "greeting-tools", PageRequest()),
        world.core.versions.activate(narrowed, "default", "greeting-tools", "1.0.0"),
        world.core.versions.publish(narrowed, "default", "greeting-tools", Publication()),
    ):
        with pytest.raises(ToolSetNotFound):
            await attempt
