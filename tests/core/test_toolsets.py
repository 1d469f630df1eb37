"""ToolSets: drafts, where schemas come from, listing, and the public window."""

from collections.abc import Callable

import pytest

from jinba_mcp.domain.errors import OrganizationNotFound, ScopeMissing, ToolCodeInvalid, ToolSetNotFound
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Listing, Origin, Visibility
from tests.worlds import World

Make = Callable[..., Source]


async def test_schemas_and_description_come_from_the_code(world: World, make_source: Make) -> None:
    source = make_source(code='def run(name: str) -> dict[str, str]:\n    "Says hello."\n    return {}')
    toolset, draft = await world.core.drafts.save(world.operator, "default", source)
    (tool,) = draft.content.tools
    assert tool.input_schema["required"] == ["name"]
    assert tool.output_schema is not None
    assert (tool.description, tool.name, toolset.name) == ("Says hello.", "greet", "greeting-tools")
    assert draft.origin is Origin.OPERATOR


async def test_schemas_that_the_author_gives_win(world: World, make_source: Make) -> None:
    source = make_source()
    given = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}}
    tool = source.tools[0].model_copy(update={"input_schema": given, "name": "Greet", "description": "Mine."})
    _, draft = await world.core.drafts.save(world.operator, "default", source.model_copy(update={"tools": (tool,)}))
    assert draft.content.tools[0].input_schema == given
    assert (draft.content.tools[0].name, draft.content.tools[0].description) == ("Greet", "Mine.")


async def test_code_that_does_not_load_leaves_no_trace(world: World, make_source: Make) -> None:
    with pytest.raises(ToolCodeInvalid, match="line 1"):
        await world.core.drafts.save(world.operator, "default", make_source(code="def run(:"))
    assert (await world.core.toolsets.page(world.operator, "default", PageRequest())).items == ()


async def test_saving_the_same_draft_again_changes_nothing(world: World, make_source: Make) -> None:
    _, first = await world.core.drafts.save(world.operator, "default", make_source())
    world.clock.advance(hours=1)
    toolset, second = await world.core.drafts.save(world.operator, "default", make_source())
    assert second == first
    assert toolset.updated_at == first.updated_at


async def test_what_is_said_of_a_toolset_acts_without_a_new_version(world: World, make_source: Make) -> None:
    await world.core.versions.push(world.operator, "default", make_source())
    listed = make_source(listing=Listing(visibility=Visibility.PUBLIC, tags=("demo",)))
    pushed = await world.core.versions.push(world.operator, "default", listed)
    assert not pushed.is_new_version
    assert pushed.toolset.listing.visibility is Visibility.PUBLIC


async def test_reading_and_writing_need_their_scopes(world: World, make_source: Make) -> None:
    await world.publish()
    writer, reader = await world.key(Scope.WRITE), await world.key(Scope.READ)
    with pytest.raises(ScopeMissing):
        await world.core.toolsets.get(writer, "default", "greeting-tools")
    with pytest.raises(ScopeMissing):
        await world.core.drafts.save(reader, "default", make_source())
    with pytest.raises(OrganizationNotFound):
        await world.core.toolsets.page(reader, "other", PageRequest())
    assert (await world.core.toolsets.get(reader, "default", "greeting-tools")).published_version == "1.0.0"


async def test_a_narrowed_key_reads_its_toolsets_and_tools_only(world: World, make_source: Make) -> None:
    await world.publish("one-tools", one="def run() -> dict: return {}", two="def run() -> dict: return {}")
    await world.publish("two-tools")
    narrowed = await world.key(Scope.READ, Scope.WRITE, tools=("one-tools/two",))
    page = await world.core.toolsets.page(narrowed, "default", PageRequest())
    assert [toolset.slug for toolset in page.items] == ["one-tools"]
    content = await world.core.toolsets.content(narrowed, "default", "one-tools")
    assert [tool.slug for tool in content.tools] == ["two"]
    for attempt in (
        world.core.toolsets.get(narrowed, "default", "two-tools"),
        world.core.drafts.save(narrowed, "default", make_source("two-tools")),
    ):
        with pytest.raises(ToolSetNotFound):
            await attempt


async def test_an_unpublished_toolset_shows_its_draft(world: World, make_source: Make) -> None:
    await world.core.drafts.save(world.operator, "default", make_source())
    content = await world.core.toolsets.content(world.operator, "default", "greeting-tools")
    assert [tool.slug for tool in content.tools] == ["greet"]


async def test_explore_shows_public_toolsets_with_something_active(world: World, make_source: Make) -> None:
    await world.publish("public-tools", organization="other")
    await world.core.versions.push(world.operator, "default", make_source("private-tools"))
    await world.core.drafts.save(
        world.operator, "default", make_source("draft-tools", listing=Listing(visibility=Visibility.PUBLIC))
    )
    found, total = await world.core.toolsets.explore(tag=None, text=None, limit=50, offset=0)
    assert ([(org.slug, toolset.slug) for org, toolset in found], total) == ([("other", "public-tools")], 1)
    assert await world.core.toolsets.explore_tags() == [("demo", 1)]
    toolset, content = await world.core.toolsets.explore_one("other", "public-tools")
    assert (toolset.slug, content.tools[0].slug) == ("public-tools", "greet")
    with pytest.raises(ToolSetNotFound):
        await world.core.toolsets.explore_one("default", "private-tools")


async def test_tools_are_kept_in_the_order_of_their_slugs(world: World) -> None:
    code = "def run() -> dict: return {}"
    tools = tuple(SourceTool(slug=slug, code=code) for slug in ("b", "c", "a"))
    source = Source(slug="many-tools", tools=tools, sandbox=Sandbox(provider="inprocess"))
    _, draft = await world.core.drafts.save(world.operator, "default", source)
    assert [tool.slug for tool in draft.content.tools] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, False),
        ({"packages": ({"name": "httpx"},)}, True),
        ({"packages": ({"name": "httpx"},), "sandbox": {"provider": "inprocess"}}, False),
        ({"sandbox": {"provider": "docker"}}, True),
        ({"sandbox": {"provider": "local"}}, False),
        ({"language": "typescript"}, False),
        ({"language": "typescript", "code": 'import { z } from "zod";'}, True),
        ({"language": "typescript", "code": "import * as z from 'zod/v4';"}, True),
        ({"language": "typescript", "code": 'const z = await import("zod")'}, True),
        ({"language": "typescript", "code": 'import { x } from "zodiac";'}, False),
        ({"code": 'from "zod"'}, False),
    ],
)
def test_an_environment_is_needed_for_packages_and_where_nothing_is_there_by_itself(
    fields: dict[str, object],
    needs: bool,  # noqa: FBT001  pytest passes by name
) -> None:
    tool = {"slug": "greet", "code": fields.pop("code", "")}
    assert Source.model_validate({"slug": "my-tools", "tools": [tool], **fields}).needs_environment is needs
