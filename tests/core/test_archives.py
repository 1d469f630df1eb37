"""Archives: out and in again, without a loss but for secrets, and without a trace when one is refused."""

import io
from collections.abc import Callable
from zipfile import ZipFile

import pytest

from jinba_mcp.authoring.archives import read_archive, write_archive
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.errors import (
    ArchiveInvalid,
    FieldsInvalid,
    PreconditionFailed,
    ScopeMissing,
    ToolSetNotFound,
    VersionNotFound,
)
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Listing, Origin, Visibility
from tests.worlds import PretendedResolver, PretendedSandbox, World

SLUG = "api-tools"


@pytest.fixture
async def author(world: World, sandbox: PretendedSandbox) -> Caller:
    sandbox.is_up = True
    return await world.key(Scope.READ, Scope.WRITE)


@pytest.fixture
def source() -> Source:
    tools = (
        SourceTool(slug="derived", code="1"),
        SourceTool(slug="given", code="2", description="Mine.", input_schema={"type": "object"}),
    )
    shared = Listing(visibility=Visibility.RESTRICTED, shared_with=("other",), tags=("a", "b"), mcp_enabled=True)
    packages, walls = (Package(name="httpx"),), Sandbox(timeout_s=5)
    return Source(slug=SLUG, name="API tools", packages=packages, sandbox=walls, tools=tools, listing=shared)


async def test_what_was_exported_is_imported_and_exported_the_same(
    world: World, author: Caller, source: Source, resolver: PretendedResolver
) -> None:
    await world.core.drafts.create(author, "default", source)
    await world.core.env.put(author, "default", SLUG, Setting(key="TOKEN", value="hush", is_secret=True))
    await world.core.env.put(author, "default", SLUG, Setting(key="REGION", value="eu"))
    exported = await world.core.archives.export(author, "default", SLUG)
    assert await world.core.archives.export(author, "default", SLUG) == exported
    assert b"hush" not in b"".join(
        ZipFile(io.BytesIO(exported)).read(name) for name in ZipFile(io.BytesIO(exported)).namelist()
    )
    read = read_archive(exported)
    assert [(each.key, each.value, each.secret) for each in read.listing.env] == [
        ("REGION", "eu", False), ("TOKEN", None, True),
    ]  # fmt: skip
    assert (read.listing.shared_with, read.lock is None) == (("other",), False)
    assert [(tool.slug, tool.input_schema) for tool in read.tools] == [("derived", None), ("given", {"type": "object"})]
    before = await world.core.drafts.get(author, "default", SLUG)
    await world.core.toolsets.remove(author, "default", SLUG, SLUG)
    toolset, draft = await world.core.archives.load(author, "default", exported)
    assert await world.core.archives.export(author, "default", SLUG) == exported
    assert (draft.content, draft.derived) == (before[1].content, before[1].derived)
    assert toolset.listing.shared_with == before[0].listing.shared_with
    assert len(resolver.asked) == 1
    assert draft.origin is Origin.API


async def test_an_archive_replaces_the_draft_or_becomes_another_toolset(
    world: World, author: Caller, source: Source
) -> None:
    archive = write_archive(source)
    await world.core.archives.load(author, "default", archive)
    await world.core.drafts.remove_tool(author, "default", SLUG, "given")
    _, draft = await world.core.archives.load(author, "default", archive)
    assert len(draft.content.tools) == 2
    toolset, _ = await world.core.archives.load(author, "default", archive, slug="copied-tools")
    assert (toolset.slug, toolset.name) == ("copied-tools", "API tools")
    with pytest.raises(PreconditionFailed):
        await world.core.archives.load(author, "default", archive, if_match={"stale"})


async def test_a_version_is_exported_as_it_was_published(world: World, make_source: Callable[..., Source]) -> None:
    await world.core.versions.push(world.operator, "default", make_source(SLUG, description="First."))
    await world.core.drafts.save(world.operator, "default", make_source(SLUG, description="Second."))
    first = read_archive(await world.core.archives.export(world.operator, "default", SLUG, "1.0.0"))
    draft = read_archive(await world.core.archives.export(world.operator, "default", SLUG))
    assert (first.description, draft.description) == ("First.", "Second.")
    assert first.tools[0].input_schema is not None
    assert draft.tools[0].input_schema is None
    with pytest.raises(VersionNotFound):
        await world.core.archives.export(world.operator, "default", SLUG, "9.0.0")


async def test_what_is_refused_leaves_no_trace(world: World, author: Caller, source: Source) -> None:
    unshareable = source.model_copy(update={"listing": Listing(shared_with=("nobody",))})
    inside = source.model_copy(update={"sandbox": Sandbox(provider="inprocess")})
    refused = (
        (b"PK", ArchiveInvalid),
        (write_archive(unshareable), FieldsInvalid),
        (write_archive(inside), FieldsInvalid),
    )
    for archive, error in refused:
        with pytest.raises(error):
            await world.core.archives.load(author, "default", archive)
    assert (await world.core.toolsets.page(author, "default", PageRequest())).items == ()


async def test_scopes_and_narrowing_hold(world: World, author: Caller, source: Source) -> None:
    archive = write_archive(source)
    await world.core.archives.load(author, "default", archive)
    reader = await world.key(Scope.READ)
    with pytest.raises(ScopeMissing):
        await world.core.archives.load(reader, "default", archive)
    with pytest.raises(ScopeMissing):
        await world.core.archives.export(await world.key(Scope.WRITE), "default", SLUG)
    narrowed = await world.key(Scope.ADMIN, toolsets=("other-tools",))
    for attempt in (
        world.core.archives.export(narrowed, "default", SLUG),
        world.core.archives.load(narrowed, "default", archive),
    ):
        with pytest.raises(ToolSetNotFound):
            await attempt
