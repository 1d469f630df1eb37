"""Versions: publishing the draft, choosing the active one, looking at what changed."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.clock import Clock
from jinba_mcp.core.toolsets import Source, ToolSets
from jinba_mcp.domain import ids, versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import DraftEmpty, VersionNotFound, VersionUnchanged, VersionYanked
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.domain.versions import Diff, Snapshot, Version
from jinba_mcp.storage.store import Store


class Publication(Record):
    """What to publish: without `version` the next patch; `activate` None means only if it is the first."""

    version: Annotated[str, Field(max_length=64)] | None = None
    release_notes: Annotated[str, Field(max_length=20_000)] = ""
    activate: bool | None = None


class Pushed(Record):
    """What came of pushing a source."""

    toolset: ToolSet
    version: Version
    is_new_version: bool


class Versions:
    """A version is never changed and never deleted; only which one is active, and its marks, move."""

    def __init__(self, store: Store, clock: Clock, toolsets: ToolSets) -> None:
        self._store = store
        self._clock = clock
        self._toolsets = toolsets

    async def page(self, caller: Caller, organization: str, slug: str, request: PageRequest) -> Page[Version]:
        """The published versions, newest first."""
        organization_id = caller.require(organization, Scope.READ)
        toolset = await self._toolsets.find_own(caller, organization_id, slug)
        async with self._store.read() as tx:
            return await tx.versions.page(toolset.id, request)

    async def get(self, caller: Caller, organization: str, slug: str, number: str) -> Snapshot:
        """One version with its content.

        Raises:
            VersionNotFound: no such number was published.
        """
        organization_id = caller.require(organization, Scope.READ)
        toolset = await self._toolsets.find_own(caller, organization_id, slug)
        async with self._store.read() as tx:
            snapshot = await tx.versions.find(toolset.id, number)
        if snapshot is None:
            raise VersionNotFound(number)
        kept = tuple(tool for tool in snapshot.content.tools if caller.may_use(slug, tool.slug))
        return snapshot.model_copy(update={"content": snapshot.content.model_copy(update={"tools": kept})})

    async def diff(self, caller: Caller, organization: str, slug: str, before: str, after: str) -> Diff:
        """What changed from one version to another."""
        caller.require(organization, Scope.READ)
        old = await self.get(caller, organization, slug, before)
        new = await self.get(caller, organization, slug, after)
        return versions.diff(old, new)

    async def publish(self, caller: Caller, organization: str, slug: str, publication: Publication) -> Version:
        """Freeze the draft under a number that exceeds the latest; the first version is activated.

        Raises:
            DraftEmpty: the draft has no tools.
            VersionExists: the number does not exceed the latest.
            VersionUnchanged: no number was asked for and the draft is what is published already.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        await self._toolsets.find_own(caller, organization_id, slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            draft = await tx.toolsets.find_draft(toolset.id)
            if not draft.content.tools:
                raise DraftEmpty(slug)
            latest = await tx.versions.latest(toolset.id)
            digest = versions.digest(draft.content)
            unchanged = latest is not None and (latest.digest, latest.origin) == (digest, draft.origin)
            if latest is not None and unchanged and publication.version is None:
                raise VersionUnchanged(latest.number)
            newest = latest.number if latest else None
            now = self._clock()
            version = Version(
                id=ids.version_id(now),
                toolset_id=toolset.id,
                number=versions.checked_number(publication.version or versions.next_number(newest), newest),
                digest=digest,
                origin=draft.origin,
                release_notes=publication.release_notes,
                published_by=caller.user_id or caller.key_id or "operator",
                created_at=now,
            )
            await tx.versions.add(Snapshot(version=version, content=draft.content))
            changes: dict[str, object] = {"latest_version": version.number, "updated_at": now}
            if publication.activate or (publication.activate is None and toolset.published_version is None):
                changes |= {"published_version_id": version.id, "published_version": version.number}
            await tx.toolsets.save(toolset.model_copy(update=changes))
        return version

    async def activate(self, caller: Caller, organization: str, slug: str, number: str) -> ToolSet:
        """Make a published version the active one, forward or back; the next request gets it.

        Raises:
            VersionNotFound: no such number was published.
            VersionYanked: it was withdrawn.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        await self._toolsets.find_own(caller, organization_id, slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            snapshot = await tx.versions.find(toolset.id, number)
            if snapshot is None:
                raise VersionNotFound(number)
            if snapshot.version.yanked_at is not None:
                raise VersionYanked(number)
            if toolset.published_version_id == snapshot.version.id:
                return toolset
            changes = {
                "published_version_id": snapshot.version.id,
                "published_version": number,
                "updated_at": self._clock(),
            }
            toolset = toolset.model_copy(update=changes)
            await tx.toolsets.save(toolset)
        return toolset

    async def push(self, caller: Caller, organization: str, source: Source, *, activate: bool = True) -> Pushed:
        """Make `source` the draft and, if it differs from the latest version, publish it as the next patch.

        Unchanged content changes nothing; it is activated all the same when asked, if it was not.
        """
        caller.require(organization, Scope.WRITE)
        toolset, _ = await self._toolsets.save_draft(caller, organization, source)
        try:
            version = await self.publish(caller, organization, source.slug, Publication(activate=activate))
        except VersionUnchanged:
            latest = toolset.latest_version or ""
            version = (await self.get(caller, organization, source.slug, latest)).version
            if activate and toolset.published_version is None:
                await self.activate(caller, organization, source.slug, latest)
            is_new = False
        else:
            is_new = True
        toolset = await self._toolsets.get(caller, organization, source.slug)
        return Pushed(toolset=toolset, version=version, is_new_version=is_new)
