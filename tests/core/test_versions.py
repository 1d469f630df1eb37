"""Versions: numbers, immutability, activation, rollback, diff, and pushing the same again."""

from collections.abc import Callable

import anyio
import pytest

from jinba_mcp.core.catalog import DRAFT, ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.errors import (
    DraftEmpty,
    FieldsInvalid,
    Forbidden,
    ScopeMissing,
    ToolSetNotFound,
    VersionExists,
    VersionNotFound,
    VersionUnchanged,
    VersionYanked,
)
from jinba_mcp.domain.ids import VersionId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source
from jinba_mcp.domain.versions import Marks
from tests.worlds import World

Make = Callable[..., Source]


def returning(value: int) -> str:
    return f"def run() -> dict:\n    return {{'v': {value}}}"


async def active_output(world: World) -> object:
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    return (await world.core.runs.call(world.operator, ref, {}, CallContext(source=RunSource.REST))).output


async def test_the_first_version_is_active_and_the_next_waits(world: World, make_source: Make) -> None:
    await world.core.drafts.save(world.operator, "default", make_source(code=returning(1)))
    first = await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())
    assert (first.number, await active_output(world)) == ("1.0.0", {"v": 1})
    await world.core.drafts.save(world.operator, "default", make_source(code=returning(2)))
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
    await world.core.drafts.save(world.operator, "default", make_source(code=returning(2)))
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
    await world.core.drafts.save(world.operator, "default", Source(slug="empty-tools"))
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
    assert [(change.tool, change.fields) for change in diff.changed] == [("greet", ("code",))]
    assert [(broken.tool, broken.kind) for broken in diff.breaking] == [("gone", "tool_removed")]
    draft = await world.core.versions.diff(world.operator, "default", "greeting-tools", "1.0.1", "draft")
    assert (draft.added, draft.removed, draft.changed, draft.breaking) == ((), (), (), ())


async def test_a_yanked_version_runs_pinned_only_and_is_not_activated(world: World) -> None:
    await world.publish(greet=returning(1))
    await world.publish(greet=returning(2))
    await world.core.versions.mark(world.operator, "default", "greeting-tools", "1.0.0", Marks(yanked=True))
    with pytest.raises(VersionYanked):
        await world.core.versions.activate(world.operator, "default", "greeting-tools", "1.0.0")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", version="1.0.0")
    run = await world.core.runs.call(world.operator, ref, {}, CallContext(source=RunSource.REST))
    assert run.output == {"v": 1}


async def test_yanking_the_active_version_leaves_none_until_the_next_is_published(world: World) -> None:
    await world.publish(greet=returning(1))
    marked = await world.core.versions.mark(
        world.operator, "default", "greeting-tools", "1.0.0", Marks(yanked=True, yank_reason="It leaks.")
    )
    assert (marked.yanked_at, marked.warnings) == (world.clock.now, ("Version 1.0.0 is yanked: It leaks.",))
    assert (await world.core.toolsets.get(world.operator, "default", "greeting-tools")).published_version is None
    with pytest.raises(VersionNotFound):
        await active_output(world)
    await world.publish(greet=returning(2))
    assert await active_output(world) == {"v": 2}


async def test_marks_are_told_with_each_run_from_the_next_one_on(world: World) -> None:
    await world.publish(greet=returning(1))
    run = await world.call(world.operator)
    assert await world.core.catalog.warnings(run.version_id) == ()
    for deprecated, told in ((True, ("Version 1.0.0 is deprecated.",)), (False, ())):
        await world.core.versions.mark(
            world.operator, "default", "greeting-tools", "1.0.0", Marks(deprecated=deprecated)
        )
        assert await world.core.catalog.warnings(run.version_id) == told
    assert await world.core.catalog.warnings(VersionId(DRAFT)) == ()


async def test_a_stranger_or_a_reader_marks_nothing(world: World) -> None:
    await world.publish()
    with pytest.raises(ScopeMissing):
        await world.core.versions.mark(await world.key(Scope.READ), "default", "greeting-tools", "1.0.0", Marks())
    with pytest.raises(VersionNotFound):
        await world.core.versions.mark(world.operator, "default", "greeting-tools", "9.0.0", Marks(yanked=True))


async def test_a_schema_that_would_hold_up_the_server_is_not_published(world: World, make_source: Make) -> None:
    """As one that was saved before such schemas were refused."""
    toolset, draft = await world.core.drafts.save(world.operator, "default", make_source())
    ref = {"$ref": "#"}
    heavy = {"anyOf": [{"items": ref}, {"items": ref}]}
    tool = draft.content.tools[0].model_copy(update={"input_schema": heavy})
    content = draft.content.model_copy(update={"tools": (tool,)})
    async with world.store.begin() as tx:
        await tx.toolsets.save_draft(toolset.id, draft.model_copy(update={"content": content}))
    with pytest.raises(FieldsInvalid, match="ways"):
        await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())


async def test_two_publications_at_once_make_one_version(world: World, make_source: Make) -> None:
    await world.core.drafts.save(world.operator, "default", make_source())
    outcomes: list[str] = []

    async def publish() -> None:
        try:
            version = await world.core.versions.publish(world.operator, "default", "greeting-tools", Publication())
            outcomes.append(version.number)
        except VersionUnchanged:
            outcomes.append("unchanged")

    with anyio.fail_after(60):
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


async def test_a_key_narrowed_to_some_tools_decides_nothing_for_all_of_them(world: World) -> None:
    await world.publish()
    narrowed = await world.key(Scope.ADMIN, tools=("greeting-tools/greet",))
    where = (narrowed, "default", "greeting-tools")
    for attempt in (
        world.core.versions.publish(*where, Publication()),
        world.core.versions.activate(*where, "1.0.0"),
        world.core.versions.mark(*where, "1.0.0", Marks(yanked=True)),
    ):
        with pytest.raises(Forbidden, match="narrowed to some tools"):
            await attempt
    assert (await world.core.toolsets.get(*where)).published_version == "1.0.0"
