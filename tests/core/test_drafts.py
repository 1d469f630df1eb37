"""Drafts: edits that lose nothing, whose code a draft is, and what the audit log hears."""

from collections.abc import Callable

import anyio
import pytest

from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.errors import (
    Conflict,
    CountExceeded,
    DeletionUnconfirmed,
    FieldsInvalid,
    Forbidden,
    JinbaError,
    NameTaken,
    PreconditionFailed,
    ToolNotFound,
    ToolSetNotFound,
)
from jinba_mcp.domain.revisions import tool_tag, toolset_tag
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Origin, Visibility
from tests.worlds import PretendedSandbox, World

ORG, SLUG = "default", "greeting-tools"


@pytest.fixture
def up(sandbox: PretendedSandbox) -> PretendedSandbox:
    sandbox.is_up = True
    return sandbox


@pytest.fixture
async def author(world: World, up: PretendedSandbox) -> Caller:
    """A key with `write` and `read`; the ToolSet is there, with the tools `one` and `two`."""
    author = await world.key(Scope.WRITE, Scope.READ)
    tools = (SourceTool(slug="one", code="1"), SourceTool(slug="two", code="2"))
    await world.core.drafts.create(author, ORG, Source(slug=SLUG, tools=tools))
    return author


async def actions(world: World) -> list[tuple[str, str]]:
    organization = await world.core.organizations.resolve(ORG)
    async with world.store.read() as tx:
        entries = await tx.audit.following(organization.id, 0, 100)
    return [
        (e.action, e.target) for e in entries if e.action.partition(".")[0] in ("toolset", "tool", "draft", "version")
    ]


async def test_a_toolset_is_created_once(world: World, author: Caller) -> None:
    with pytest.raises(NameTaken):
        await world.core.drafts.create(author, ORG, Source(slug=SLUG))
    _, draft = await world.core.drafts.get(author, ORG, SLUG)
    assert [tool.slug for tool in draft.content.tools] == ["one", "two"]
    assert draft.origin is Origin.API
    with pytest.raises(FieldsInvalid):
        await world.core.drafts.create(author, ORG, Source(slug="import"))


async def test_a_change_of_one_tool_describes_that_tool_only(
    world: World, author: Caller, up: PretendedSandbox
) -> None:
    assert up.described == ["one", "two"]
    await world.core.drafts.change_tool(author, ORG, SLUG, "two", {"code": "3"})
    await world.core.drafts.add_tool(author, ORG, SLUG, SourceTool(slug="three", code="3"))
    assert up.described == ["one", "two", "two", "three"]
    await world.core.drafts.change_tool(author, ORG, SLUG, "one", {"name": "One", "description": "Mine."})
    await world.core.drafts.change(author, ORG, SLUG, {"description": "All of them.", "mcp_enabled": True})
    await world.core.drafts.remove_tool(author, ORG, SLUG, "two")
    assert len(up.described) == 4
    toolset, draft = await world.core.drafts.get(author, ORG, SLUG)
    assert [tool.slug for tool in draft.content.tools] == ["one", "three"]
    assert (toolset.description, toolset.listing.mcp_enabled) == ("All of them.", True)
    one = draft.content.tools[0]
    assert (one.name, one.description, one.input_schema["type"]) == ("One", "Mine.", "object")


async def test_schemas_follow_the_code_unless_they_were_given(world: World, author: Caller) -> None:
    given = {"type": "object", "properties": {"a": {"type": "string"}}}
    *_, tool = await world.core.drafts.change_tool(author, ORG, SLUG, "one", {"input_schema": given})
    assert tool.input_schema == given
    *_, tool = await world.core.drafts.change_tool(author, ORG, SLUG, "one", {"code": "new"})
    assert tool.input_schema == given
    *_, tool = await world.core.drafts.change_tool(author, ORG, SLUG, "one", {"input_schema": None})
    assert tool.input_schema == {"type": "object", "description": "one, 60 s"}


async def test_an_edit_for_another_state_is_refused(world: World, author: Caller) -> None:
    toolset, draft = await world.core.drafts.get(author, ORG, SLUG)
    tag, one = toolset_tag(toolset, draft), tool_tag(draft, draft.content.tools[0])
    drafts, new = world.core.drafts, SourceTool(slug="new", code="1")
    await drafts.change_tool(author, ORG, SLUG, "two", {"name": "Two"})
    await drafts.change_tool(author, ORG, SLUG, "one", {"name": "One"}, if_match={one, "other"})
    for attempt in (
        drafts.change_tool(author, ORG, SLUG, "one", {"name": "Uno"}, if_match={one}),
        drafts.remove_tool(author, ORG, SLUG, "one", if_match={one}),
        drafts.change(author, ORG, SLUG, {"name": "N"}, if_match={tag}),
        drafts.add_tool(author, ORG, SLUG, new, if_match={tag}),
        drafts.save(author, ORG, Source(slug=SLUG), if_match={tag}),
        drafts.save(author, ORG, Source(slug="new-tools"), if_match={tag}),
        world.core.versions.publish(author, ORG, SLUG, Publication(), if_match={tag}),
        world.core.toolsets.remove(author, ORG, SLUG, SLUG, if_match={tag}),
    ):
        with pytest.raises(PreconditionFailed):
            await attempt
    toolset, draft = await drafts.get(author, ORG, SLUG)
    now = {toolset_tag(toolset, draft)}
    await world.core.versions.publish(author, ORG, SLUG, Publication(), if_match=now)
    with pytest.raises(PreconditionFailed):
        await world.core.versions.activate(author, ORG, SLUG, "1.0.0", if_match=now)


async def test_edits_at_once_lose_nothing(world: World, author: Caller) -> None:
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for name, value in (("name", "One"), ("description", "First."), ("code", "new")):
                tasks.start_soon(world.core.drafts.change_tool, author, ORG, SLUG, "one", {name: value})
            tasks.start_soon(world.core.drafts.change, author, ORG, SLUG, {"tags": ("demo",)})
    toolset, draft = await world.core.drafts.get(author, ORG, SLUG)
    one = draft.content.tools[0]
    assert (one.name, one.description, one.code, toolset.listing.tags) == ("One", "First.", "new", ("demo",))


async def test_of_edits_at_once_for_one_state_one_is_made(world: World, author: Caller) -> None:
    toolset, draft = await world.core.drafts.get(author, ORG, SLUG)
    tag, made = {toolset_tag(toolset, draft)}, list[str]()

    async def edit(name: str) -> None:
        try:
            await world.core.drafts.change(author, ORG, SLUG, {"name": name}, if_match=tag)
            made.append(name)
        except PreconditionFailed:
            pass

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for name in ("A", "B", "C", "D"):
                tasks.start_soon(edit, name)
    assert [(await world.core.drafts.get(author, ORG, SLUG))[0].name] == made


async def test_an_edit_that_changes_nothing_is_none(world: World, author: Caller) -> None:
    before, told = await world.core.drafts.get(author, ORG, SLUG), await actions(world)
    world.clock.advance(hours=1)
    await world.core.drafts.change(author, ORG, SLUG, {"name": SLUG})
    assert await world.core.drafts.get(author, ORG, SLUG) == before
    assert await actions(world) == told


async def test_code_that_a_key_has_touched_is_the_operators_no_longer(
    world: World, author: Caller, make_source: Callable[..., Source]
) -> None:
    """Else an operator's edit of the name would let a stranger's code into the server's own process."""
    await world.core.drafts.change(world.operator, ORG, SLUG, {"name": "Renamed"})
    assert (await world.core.drafts.get(author, ORG, SLUG))[1].origin is Origin.API
    with pytest.raises(FieldsInvalid, match="never runs inside the server"):
        await world.core.drafts.change(world.operator, ORG, SLUG, {"sandbox": Sandbox(provider="inprocess")})
    await world.core.drafts.save(world.operator, ORG, make_source("own-tools"))
    await world.core.drafts.change(world.operator, ORG, "own-tools", {"name": "Mine"})
    assert (await world.core.drafts.get(author, ORG, "own-tools"))[1].origin is Origin.OPERATOR
    with pytest.raises(FieldsInvalid, match="never runs inside the server"):
        await world.core.drafts.change_tool(author, ORG, "own-tools", "greet", {"code": "evil"})


async def test_a_narrowed_key_edits_its_own_only(world: World, author: Caller) -> None:
    narrowed = await world.key(Scope.WRITE, Scope.READ, tools=(f"{SLUG}/one",))
    drafts = world.core.drafts
    await drafts.change_tool(narrowed, ORG, SLUG, "one", {"name": "One"})
    refused: list[tuple[type[JinbaError], object]] = [
        (ToolNotFound, drafts.change_tool(narrowed, ORG, SLUG, "two", {"name": "Two"})),
        (ToolNotFound, drafts.remove_tool(narrowed, ORG, SLUG, "two")),
        (Forbidden, drafts.change(narrowed, ORG, SLUG, {"name": "Mine"})),
        (Forbidden, world.core.toolsets.remove(narrowed, ORG, SLUG, SLUG)),
        (ToolSetNotFound, drafts.create(narrowed, ORG, Source(slug="other-tools"))),
    ]
    for error, attempt in refused:
        with pytest.raises(error):
            await attempt  # type: ignore[misc]  # coroutines of several results
    assert [tool.slug for tool in (await drafts.get(narrowed, ORG, SLUG))[1].content.tools] == ["one"]


async def test_what_is_not_there_cannot_be_edited(world: World, author: Caller) -> None:
    drafts = world.core.drafts
    with pytest.raises(ToolSetNotFound):
        await drafts.change(author, ORG, "no-tools", {"name": "N"})
    for tool in (drafts.change_tool(author, ORG, SLUG, "none", {}), drafts.remove_tool(author, ORG, SLUG, "none")):
        with pytest.raises(ToolNotFound):
            await tool
    with pytest.raises(NameTaken):
        await drafts.add_tool(author, ORG, SLUG, SourceTool(slug="one", code="1"))


async def test_a_toolset_is_shared_with_organizations_that_there_are(world: World, author: Caller) -> None:
    other = await world.core.organizations.resolve("other")
    shared = {"visibility": Visibility.RESTRICTED, "shared_with": ("other", other.id)}
    toolset, _ = await world.core.drafts.change(author, ORG, SLUG, shared)
    assert toolset.listing.shared_with == (other.id,)
    with pytest.raises(FieldsInvalid) as refused:
        await world.core.drafts.change(author, ORG, SLUG, {"shared_with": (other.id, "nobody")})
    assert refused.value.details["errors"] == [
        {"pointer": "/sharedWith/1", "detail": "there is no organization 'nobody'"}
    ]


async def test_deleting_asks_for_the_name_and_takes_all_but_the_runs(world: World) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Alice")
    await world.core.env.put(world.operator, ORG, SLUG, Setting(key="TOKEN", value="1"))
    for confirmation in (None, "", "other-tools"):
        with pytest.raises(DeletionUnconfirmed, match="tools: 1, versions: 1, variables: 1"):
            await world.core.toolsets.remove(world.operator, ORG, SLUG, confirmation)
    await world.core.toolsets.remove(world.operator, ORG, SLUG, SLUG)
    with pytest.raises(ToolSetNotFound):
        await world.core.drafts.get(world.operator, ORG, SLUG)
    with pytest.raises(ToolSetNotFound):
        await world.call(world.operator, name="Alice")
    assert (await world.core.history.get(world.operator, ORG, run.id)).output == {"message": "Hello, Alice!"}
    await world.publish()
    assert (await world.core.env.page(world.operator, ORG, SLUG))[1] == []
    with pytest.raises(ToolSetNotFound):
        await world.core.toolsets.remove(world.operator, ORG, "no-tools", "no-tools")


async def test_every_change_is_audited_with_what_differs(world: World, author: Caller) -> None:
    drafts, versions = world.core.drafts, world.core.versions
    await drafts.add_tool(author, ORG, SLUG, SourceTool(slug="new", code="1"))
    await drafts.change_tool(author, ORG, SLUG, "new", {"code": "2"})
    await drafts.remove_tool(author, ORG, SLUG, "new")
    await drafts.change(author, ORG, SLUG, {"name": "Renamed"})
    await versions.publish(author, ORG, SLUG, Publication())
    await drafts.change_tool(author, ORG, SLUG, "one", {"code": "2"})
    await versions.publish(author, ORG, SLUG, Publication())
    await versions.activate(author, ORG, SLUG, "1.0.1")
    await world.core.toolsets.remove(author, ORG, SLUG, SLUG)
    assert await actions(world) == [
        ("toolset.created", SLUG),
        ("tool.created", f"{SLUG}/new"),
        ("tool.changed", f"{SLUG}/new"),
        ("tool.deleted", f"{SLUG}/new"),
        ("toolset.changed", SLUG),
        ("version.published", SLUG),
        ("tool.changed", f"{SLUG}/one"),
        ("version.published", SLUG),
        ("version.activated", SLUG),
        ("toolset.deleted", SLUG),
    ]
    organization = await world.core.organizations.resolve(ORG)
    async with world.store.read() as tx:
        entries = {entry.action: entry for entry in await tx.audit.following(organization.id, 0, 100)}
    changed = entries["toolset.changed"]
    assert (changed.before, changed.after) == ({"name": SLUG}, {"name": "Renamed"})
    assert (changed.key_id, changed.created_at) == (author.key_id, world.clock.now)


async def test_a_draft_that_is_edited_without_end_is_given_up(
    world: World, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    described, calls = world.core.drafts._sources.described, []

    async def overtaken(*arguments: object) -> object:
        calls.append(1)
        async with world.store.begin() as tx:
            found = await tx.toolsets.find_with_draft(author.grants[0].organization_id, SLUG)
            assert found is not None
            await tx.toolsets.save(found[0].model_copy(update={"name": f"Name {len(calls)}"}))
        return await described(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(world.core.drafts._sources, "described", overtaken)
    with pytest.raises(Conflict, match="too many at once"):
        await world.core.drafts.change(author, ORG, SLUG, {"description": "Late."})
    assert len(calls) == 5


async def test_an_organization_has_so_many_toolsets(
    world: World, make_source: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.core.drafts.MAX_TOOLSETS", 1)
    await world.core.drafts.save(world.operator, "default", make_source("one"))
    with pytest.raises(CountExceeded, match="1 ToolSets"):
        await world.core.drafts.save(world.operator, "default", make_source("two"))
    await world.core.drafts.save(world.operator, "default", make_source("one", name="Another name"))
