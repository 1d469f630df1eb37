"""ToolSets: reading them, and taking in what a folder or an author says the draft should be."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from jinba_mcp.clock import Clock
from jinba_mcp.core.catalog import Catalog, Located, ToolSetRef
from jinba_mcp.core.engines import Engines
from jinba_mcp.domain import ids, json_values
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import ToolSetNotFound
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tools import MAX_CODE_BYTES, Annotations, Language, Slug, Tool, ToolSlug
from jinba_mcp.domain.toolsets import MAX_TOOLS, Content, Draft, Listing, Origin, Package, Sandbox, ToolSet
from jinba_mcp.sandbox.engine import Program
from jinba_mcp.storage.store import Store


class SourceTool(Record):
    """A tool as its author gives it: schemas that are not given are read from the code."""

    slug: ToolSlug
    name: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    entrypoint: str = "run"
    code: Annotated[str, Field(max_length=MAX_CODE_BYTES)]
    input_schema: JsonObject | None = None
    output_schema: JsonObject | None = None
    annotations: Annotations = Annotations()


class Source(Record):
    """A ToolSet as its author gives it."""

    slug: Slug
    name: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Language = "python"
    packages: tuple[Package, ...] = ()
    sandbox: Sandbox = Sandbox()
    tools: Annotated[tuple[SourceTool, ...], Field(max_length=MAX_TOOLS)] = ()
    listing: Listing = Listing()


class ToolSets:
    """The draft is edited; what runs is a version (see `versions.py`)."""

    def __init__(self, store: Store, clock: Clock, catalog: Catalog, engines: Engines) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._engines = engines

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[ToolSet]:
        """The organization's ToolSets by slug, without those that the key is narrowed out of."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            page = await tx.toolsets.page(organization_id, request)
        return page.model_copy(update={"items": tuple(t for t in page.items if caller.may_use(t.slug))})

    async def get(self, caller: Caller, organization: str, slug: str) -> ToolSet:
        """One ToolSet, published or not.

        Raises:
            ToolSetNotFound: unknown, another organization's or narrowed out.
        """
        organization_id = caller.require(organization, Scope.READ)
        return await self.find_own(caller, organization_id, slug)

    async def content(self, caller: Caller, organization: str, slug: str) -> Content:
        """The tools of the active version; of the draft while nothing is active."""
        organization_id = caller.require(organization, Scope.READ)
        toolset = await self.find_own(caller, organization_id, slug)
        if toolset.published_version_id is None:
            content = (await self._draft(toolset)).content
        else:
            ref = ToolSetRef(organization=organization_id, toolset=slug)
            content = (await self._catalog.locate(caller, ref, Scope.READ)).release.content
        kept = tuple(tool for tool in content.tools if caller.may_use(slug, tool.slug))
        return content.model_copy(update={"tools": kept})

    async def explore(
        self, *, tag: str | None, text: str | None, limit: int, offset: int
    ) -> tuple[list[tuple[Organization, ToolSet]], int]:
        """System's own, since anyone may ask: public ToolSets with an active version, and how many there are in all."""
        async with self._store.read() as tx:
            return await tx.toolsets.page_public(tag, text, limit, offset)

    async def explore_one(self, organization: str, slug: str) -> tuple[ToolSet, Content]:
        """System's own, since anyone may ask: one public ToolSet with the tools of its active version.

        Raises:
            ToolSetNotFound: unknown, private or without an active version.
        """
        located = await self._catalog.locate_public(ToolSetRef(organization=organization, toolset=slug, is_public=True))
        return located.toolset, located.release.content

    async def explore_tags(self) -> list[tuple[str, int]]:
        """System's own, since anyone may ask: the tags of public ToolSets and how often each is used."""
        async with self._store.read() as tx:
            return await tx.toolsets.tags_public()

    async def save_draft(self, caller: Caller, organization: str, source: Source) -> tuple[ToolSet, Draft]:
        """Make `source` the draft, and the ToolSet if it is new. Listing changes (visibility, MCP, tags) act at once.

        Schemas that the source does not give are read from its code, by the engine that would run it.

        Raises:
            ToolCodeInvalid: the code has no usable signature.
            SandboxUnavailable: nothing here may load this code, so its schemas must be given.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        if not caller.may_use(source.slug):
            raise ToolSetNotFound(source.slug)
        origin = Origin.OPERATOR if caller.is_operator else Origin.API
        unchanged = await self._unchanged(organization_id, source, origin)
        if unchanged is not None:
            return unchanged
        content = await self._described(source, origin)
        now = self._clock()
        draft = Draft(content=content, origin=origin, source_digest=_digest(source), updated_at=now)
        async with self._store.begin() as tx:
            before = await tx.toolsets.find(organization_id, source.slug)
            if before is None:
                toolset = _new_toolset(organization_id, source, content, now)
                await tx.toolsets.add(toolset, draft)
                return toolset, draft
            said = {"name": content.name, "description": content.description, "listing": source.listing}
            toolset = before.model_copy(update={**said, "updated_at": now})
            await tx.toolsets.save(toolset)
            await tx.toolsets.save_draft(toolset.id, draft)
        return toolset, draft

    async def locate(self, caller: Caller, ref: ToolSetRef) -> Located:
        """The ToolSet and version that `ref` names, for reading."""
        caller.require(ref.organization, Scope.READ)
        return await self._catalog.locate(caller, ref, Scope.READ)

    async def find_own(self, caller: Caller, organization_id: OrganizationId, slug: str) -> ToolSet:
        """System's own: a ToolSet in an organization that was checked already."""
        async with self._store.read() as tx:
            toolset = await tx.toolsets.find(organization_id, slug)
        if toolset is None or not caller.may_use(toolset.slug):
            raise ToolSetNotFound(slug)
        return toolset

    async def _draft(self, toolset: ToolSet) -> Draft:
        async with self._store.read() as tx:
            return await tx.toolsets.find_draft(toolset.id)

    async def _unchanged(
        self, organization_id: OrganizationId, source: Source, origin: Origin
    ) -> tuple[ToolSet, Draft] | None:
        async with self._store.read() as tx:
            toolset = await tx.toolsets.find(organization_id, source.slug)
            if toolset is None:
                return None
            draft = await tx.toolsets.find_draft(toolset.id)
        return (toolset, draft) if (draft.source_digest, draft.origin) == (_digest(source), origin) else None

    async def _described(self, source: Source, origin: Origin) -> Content:
        tools = [await self._described_tool(source, tool, origin) for tool in source.tools]
        return Content(
            name=source.name or source.slug,
            description=source.description,
            language=source.language,
            packages=source.packages,
            sandbox=source.sandbox,
            tools=tuple(sorted(tools, key=lambda tool: tool.slug)),
        )

    async def _described_tool(self, source: Source, tool: SourceTool, origin: Origin) -> Tool:
        given = tool.model_dump(include={"slug", "entrypoint", "code"})
        input_schema, output_schema, description = tool.input_schema, tool.output_schema, tool.description
        if input_schema is None:
            engine = self._engines.of(source.sandbox, origin)
            program = Program(
                digest="draft", toolset=source.slug, tool=tool.slug, language=source.language,
                entrypoint=tool.entrypoint, code=tool.code,
            )  # fmt: skip
            signature = await engine.describe(program)
            input_schema = signature.input_schema
            output_schema = output_schema or signature.output_schema
            description = description or signature.description
        return Tool(
            **given,
            name=tool.name or tool.slug,
            description=description,
            input_schema=input_schema,
            output_schema=output_schema,
            annotations=tool.annotations,
        )


def _digest(source: Source) -> str:
    return json_values.digest(source.model_dump(mode="json"))


def _new_toolset(organization_id: OrganizationId, source: Source, content: Content, now: datetime) -> ToolSet:
    return ToolSet(
        id=ids.toolset_id(now),
        organization_id=organization_id,
        slug=source.slug,
        name=content.name,
        description=content.description,
        listing=source.listing,
        created_at=now,
        updated_at=now,
    )
