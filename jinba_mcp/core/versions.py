"""Versions: publishing the draft, choosing the active one, looking at what changed."""

from typing import Annotated

import anyio
from pydantic import Field

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.core.catalog import DRAFT
from jinba_mcp.core.drafts import Drafts
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.releases import bundle_of
from jinba_mcp.core.toolsets import ToolSets
from jinba_mcp.domain import ids, versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.diffs import Diff, diff
from jinba_mcp.domain.errors import Conflict, DraftEmpty, VersionNotFound, VersionUnchanged, VersionYanked
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.revisions import Tags, check, toolset_tag
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source
from jinba_mcp.domain.toolsets import Content, Draft, ToolSet
from jinba_mcp.domain.versions import Marks, Snapshot, Version
from jinba_mcp.domain.webhooks import toolset_published
from jinba_mcp.storage.store import Store

_ATTEMPTS = 5


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


def _differing(before: Version, after: Version) -> tuple[JsonObject, JsonObject]:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    names = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}


class Versions:
    """A version is never changed and never deleted; only which one is active, and its marks, move."""

    def __init__(self, store: Store, clock: Clock, toolsets: ToolSets, drafts: Drafts, engines: Engines) -> None:
        self._store = store
        self._clock = clock
        self._toolsets = toolsets
        self._drafts = drafts
        self._engines = engines

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
        """What changed from one version to another; either may be `draft`.

        Raises:
            VersionNotFound: no such number was published.
        """
        caller.require(organization, Scope.READ)
        old = await self._content(caller, organization, slug, before)
        new = await self._content(caller, organization, slug, after)
        return await anyio.to_thread.run_sync(diff, before, old, after, new)

    async def publish(  # noqa: PLR0913  whose, which, what, and from which state
        self,
        caller: Caller,
        organization: str,
        slug: str,
        publication: Publication,
        report: Reporter | None = None,
        *,
        if_match: Tags = None,
    ) -> Version:
        """Freeze the draft under a number that exceeds the latest; the first version is activated.

        Its packages are installed first, so that the first call need not wait for them; `report` hears of it.

        Raises:
            Forbidden: the key is narrowed to some tools.
            EnvironmentFailed: the packages cannot be installed; nothing is published.
            DraftEmpty: the draft has no tools.
            VersionExists: the number does not exceed the latest.
            VersionUnchanged: no number was asked for and the draft is what is published already.
            PreconditionFailed: the ToolSet is not in a state of `if_match`.
            Conflict: the draft is edited each time that its packages are being installed.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        for _ in range(_ATTEMPTS):
            installed = await self._installed(await self._toolsets.find_own(caller, organization_id, slug), report)
            async with self._store.begin() as tx:
                toolset = await tx.toolsets.get(organization_id, slug)
                draft = await tx.toolsets.find_draft(toolset.id)
                check(if_match, toolset_tag(toolset, draft))
                if not draft.content.tools:
                    raise DraftEmpty(slug)
                if draft != installed:
                    continue
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
                await tx.deliveries.owe([toolset_published(organization_id, slug, version)])
                changes: dict[str, object] = {"latest_version": version.number, "updated_at": now}
                if publication.activate or (publication.activate is None and toolset.published_version is None):
                    changes |= {"published_version_id": version.id, "published_version": version.number}
                await tx.toolsets.save(toolset.model_copy(update=changes))
                after: JsonObject = {"version": version.number, "digest": digest}
                after["publishedVersion"] = str(changes.get("published_version", toolset.published_version))
                await tx.audit.add(
                    audit.fact(
                        caller, "version.published", slug,
                        organization_id=organization_id, at=now, before={"latestVersion": newest}, after=after,
                    )
                )  # fmt: skip
                return version
        raise Conflict(f"'{slug}' is being edited by too many at once. Try again in a moment.")

    async def activate(
        self, caller: Caller, organization: str, slug: str, number: str, *, if_match: Tags = None
    ) -> ToolSet:
        """Make a published version the active one, forward or back; the next request gets it.

        Raises:
            Forbidden: the key is narrowed to some tools.
            VersionNotFound: no such number was published.
            VersionYanked: it was withdrawn.
            PreconditionFailed: the ToolSet is not in a state of `if_match`.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            check(if_match, toolset_tag(toolset, await tx.toolsets.find_draft(toolset.id)))
            version = await tx.versions.find_version(toolset.id, number)
            if version is None:
                raise VersionNotFound(number)
            if version.yanked_at is not None:
                raise VersionYanked(number)
            if toolset.published_version_id == version.id:
                return toolset
            now = self._clock()
            before, after = {"version": toolset.published_version}, {"version": number}
            toolset = toolset.model_copy(
                update={"published_version_id": version.id, "published_version": number, "updated_at": now}
            )
            await tx.toolsets.save(toolset)
            await tx.audit.add(
                audit.fact(
                    caller, "version.activated", slug,
                    organization_id=organization_id, at=now, before={**before}, after={**after},
                )
            )  # fmt: skip
        return toolset

    async def mark(self, caller: Caller, organization: str, slug: str, number: str, marks: Marks) -> Version:
        """Deprecate a version (it runs and warns), yank it (it runs only when pinned), or take that back.

        Yanking the active version leaves none active; taking it back does not make it active again.

        Raises:
            Forbidden: the key is narrowed to some tools.
            VersionNotFound: no such number was published.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            version = await tx.versions.find_version(toolset.id, number)
            if version is None:
                raise VersionNotFound(number)
            now = self._clock()
            marked = version.marked(marks, now)
            if marked == version:
                return version
            await tx.versions.save(marked)
            if marked.yanked_at is not None and toolset.published_version_id == version.id:
                nothing = {"published_version_id": None, "published_version": None, "updated_at": now}
                await tx.toolsets.save(toolset.model_copy(update=nothing))
            before, after = _differing(version, marked)
            await tx.audit.add(
                audit.fact(
                    caller, "version.marked", f"{slug}@{number}",
                    organization_id=organization_id, at=now, before=before, after=after,
                )
            )  # fmt: skip
        return marked

    async def _content(self, caller: Caller, organization: str, slug: str, number: str) -> Content:
        if number == DRAFT:
            return (await self._drafts.get(caller, organization, slug))[1].content
        return (await self.get(caller, organization, slug, number)).content

    async def _installed(self, toolset: ToolSet, report: Reporter | None) -> Draft:
        """The draft as it was when it was checked and its packages were installed; it may be another by now."""
        async with self._store.read() as tx:
            draft = await tx.toolsets.find_draft(toolset.id)
        await self._drafts.check(draft.content)
        if draft.content.lock is not None:
            bundle = bundle_of(draft.content, toolset.slug, versions.digest(draft.content))
            await self._engines.of(draft.content.sandbox, draft.origin).prepare(bundle, report)
        return draft

    async def push(
        self,
        caller: Caller,
        organization: str,
        source: Source,
        *,
        activate: bool = True,
        report: Reporter | None = None,
    ) -> Pushed:
        """Make `source` the draft and, if it differs from the latest version, publish it as the next patch.

        Unchanged content changes nothing; it is activated all the same when asked, if it was not.
        """
        caller.require(organization, Scope.WRITE)
        toolset, _ = await self._drafts.save(caller, organization, source, report)
        try:
            version = await self.publish(caller, organization, source.slug, Publication(activate=activate), report)
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
