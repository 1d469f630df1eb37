"""ToolSets: reading them and deleting them; `drafts.py` makes and edits them."""

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.core.catalog import Catalog, Located, ToolSetRef
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import DeletionUnconfirmed, ToolSetNotFound
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.revisions import Tags, check, toolset_tag
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.toolsets import Content, ToolSet
from jinba_mcp.storage.store import Store


class ToolSets:
    """The draft is edited; what runs is a version (see `versions.py`)."""

    def __init__(self, store: Store, clock: Clock, catalog: Catalog) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog

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
            async with self._store.read() as tx:
                content = (await tx.toolsets.find_draft(toolset.id)).content
        else:
            ref = ToolSetRef(organization=organization_id, toolset=slug)
            content = (await self._catalog.locate(caller, ref, Scope.READ)).release.content
        kept = tuple(tool for tool in content.tools if caller.may_use(slug, tool.slug))
        return content.model_copy(update={"tools": kept})

    async def remove(
        self, caller: Caller, organization: str, slug: str, confirmation: str | None, *, if_match: Tags = None
    ) -> None:
        """Delete a ToolSet with its draft, its versions and its env, for good. The runs of its tools stay.

        Raises:
            ToolSetNotFound: no such ToolSet for this caller.
            Forbidden: the key is narrowed to some tools.
            PreconditionFailed: it is not in a state of `if_match`.
            DeletionUnconfirmed: `confirmation` is not its slug; says what would go with it.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        async with self._store.begin() as tx:
            found = await tx.toolsets.find_with_draft(organization_id, slug)
            if found is None:
                raise ToolSetNotFound(slug)
            toolset, draft = found
            check(if_match, toolset_tag(toolset, draft))
            contents = {
                "tools": len(draft.content.tools),
                "versions": await tx.versions.count(toolset.id),
                "variables": len(await tx.env.of_toolset(toolset.id)),
            }
            if confirmation != slug:
                raise DeletionUnconfirmed(slug, contents)
            before: JsonObject = {"id": toolset.id, "name": toolset.name, **contents}
            before |= {"latestVersion": toolset.latest_version, "publishedVersion": toolset.published_version}
            await tx.env.remove_all(toolset.id)
            await tx.versions.remove_all(toolset.id)
            await tx.toolsets.remove(toolset.id)
            await tx.audit.add(
                audit.fact(
                    caller, "toolset.deleted", slug,
                    organization_id=organization_id, at=self._clock(), before=before,
                )
            )  # fmt: skip

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
