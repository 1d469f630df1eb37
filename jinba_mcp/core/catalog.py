"""The catalog: which ToolSets an address names, and which of their tools this caller is offered there."""

import hashlib
from dataclasses import dataclass

from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.core.releases import Release, Releases
from jinba_mcp.domain import ids, versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    EndpointNotFound,
    OrganizationNotFound,
    ToolNotFound,
    ToolSetNotFound,
    VersionNotFound,
)
from jinba_mcp.domain.ids import OrganizationId, VersionId
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import ToolSet, Visibility
from jinba_mcp.domain.versions import Version
from jinba_mcp.storage.store import Store

DRAFT = "draft"
"""Stands where a version's number and id do, when it was the draft that ran."""
JOINT = "__"
"""Between ToolSet and tool in the names of an endpoint that serves several ToolSets."""


class ToolSetRef(Record):
    """A ToolSet as a caller names it: `organization` by id or slug; without `version` the active one."""

    organization: str
    toolset: str
    version: str | None = None
    is_public: bool = False
    """Through the public door: any organization's, if it is public."""

    def __hash__(self) -> int:
        """Caches ask for it with each request."""
        return hash((self.organization, self.toolset, self.version))


class ToolRef(ToolSetRef):
    """One tool of a ToolSet."""

    tool: str


@dataclass(frozen=True)
class Located:
    """A ToolSet that was found, at one version."""

    toolset: ToolSet
    release: Release


@dataclass(frozen=True)
class Offer:
    """A tool under the name it has at one endpoint."""

    name: str
    tool: Tool
    ref: ToolRef


@dataclass(frozen=True)
class Offers:
    """What an endpoint offers, in the order of names; `fingerprint` changes when and only when the offers do."""

    title: str
    instructions: str
    by_name: dict[str, Offer]
    fingerprint: str


class Endpoint(Record):
    """An MCP endpoint: one ToolSet, all of one organization, or (both None) all that the key may use anywhere."""

    toolset: ToolSetRef | None = None
    organization: str | None = None

    def __hash__(self) -> int:
        """Caches ask for it with each request."""
        return hash((self.toolset, self.organization))


class Catalog:
    """Finds ToolSets for callers; the same rules for every face."""

    def __init__(self, store: Store, organizations: Organizations, releases: Releases) -> None:
        self._store = store
        self._organizations = organizations
        self._releases = releases
        self._toolsets: GenerationCache[tuple[OrganizationId, str], ToolSet] = GenerationCache(store)
        self._versions: GenerationCache[VersionId, Version] = GenerationCache(store)
        self._pins: GenerationCache[tuple[str, str], VersionId] = GenerationCache(store)
        self._located: GenerationCache[tuple[Caller, ToolSetRef, tuple[Scope, ...]], Located]
        self._located = GenerationCache(store, max_entries=1_000)
        self._offers: GenerationCache[tuple[Caller, Endpoint], Offers] = GenerationCache(store, max_entries=2_000)

    async def locate(self, caller: Caller, ref: ToolSetRef, *any_of: Scope) -> Located:
        """The ToolSet and the version that `ref` names, for a caller who holds one of the scopes there.

        Raises:
            NotFound: organization, ToolSet or version unknown, another's, or narrowed out; or nothing is active.
            ScopeMissing: the caller's own, but without the scope.
        """
        if ref.is_public:
            caller.require_anywhere(*any_of)
        else:
            caller.require(ref.organization, *any_of)
        found = await self._located.get((caller, ref, any_of), lambda: self._locate(caller, ref, any_of))
        if found is None:
            raise ToolSetNotFound(ref.toolset)
        return found

    async def _locate(self, caller: Caller, ref: ToolSetRef, any_of: tuple[Scope, ...]) -> Located:
        if ref.is_public:
            located = await self._locate_shared(ref, caller, any_of)
        else:
            located = await self._locate_in(caller.require(ref.organization, *any_of), ref)
        if not caller.may_use(located.toolset.slug):
            raise ToolSetNotFound(ref.toolset)
        return located

    async def locate_public(self, ref: ToolSetRef) -> Located:
        """System's own, since anyone may look: a public ToolSet of any organization.

        Raises:
            NotFound: unknown, private, or nothing of it is active.
        """
        return await self._locate_shared(ref, None, ())

    async def warnings(self, version_id: VersionId) -> tuple[str, ...]:
        """System's own: what to tell whoever has just run a version, a sentence each; nearly always nothing."""
        if version_id == DRAFT:
            return ()

        async def load() -> Version | None:
            async with self._store.read() as tx:
                return await tx.versions.find_version_by_id(version_id)

        # The run was let in by what its request found, which is soon enough for a word about it.
        version = self._versions.known(version_id) or await self._versions.get(version_id, load)
        return () if version is None else version.warnings

    async def locate_draft(self, organization_id: OrganizationId, slug: str) -> Located:
        """System's own: the draft of an organization's ToolSet, set out as if it were a version.

        Raises:
            ToolSetNotFound: there is none of that slug.
        """
        async with self._store.read() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            draft = await tx.toolsets.find_draft(toolset.id)
        version = Version(
            id=VersionId(DRAFT),
            toolset_id=toolset.id,
            number=DRAFT,
            digest=versions.digest(draft.content),
            origin=draft.origin,
            published_by="",
            created_at=draft.updated_at,
        )
        return Located(toolset, self._releases.of(version, draft.content, toolset.slug))

    async def offers(self, caller: Caller, endpoint: Endpoint) -> Offers:
        """What this caller is offered at an MCP endpoint; needs read or execute.

        Raises:
            EndpointNotFound: there is no such ToolSet for this caller, or MCP is off for it.
            ScopeMissing: neither read nor execute is held.
        """
        scopes = (Scope.READ, Scope.EXECUTE)
        if endpoint.toolset is None and endpoint.organization is not None:
            caller.require(endpoint.organization, *scopes)
        key = caller, endpoint
        found = self._offers.at_hand(key) or await self._offers.get(key, lambda: self._gather(caller, endpoint, scopes))
        if found is None:
            raise EndpointNotFound("MCP")
        return found

    async def _gather(self, caller: Caller, endpoint: Endpoint, scopes: tuple[Scope, ...]) -> Offers | None:
        if endpoint.toolset is not None:
            return await self._of_one(caller, endpoint.toolset, scopes)
        grants = [
            grant
            for grant in caller.grants
            if (endpoint.organization is None or grant.is_called(endpoint.organization))
            and not grant.scopes.isdisjoint(scopes)
        ]
        async with self._store.read() as tx:
            toolsets = await tx.toolsets.enabled([grant.organization_id for grant in grants])
        slugs = {grant.organization_id: grant.organization_slug for grant in grants}
        offers: list[Offer] = []
        taken: set[str] = set()
        for toolset in toolsets:
            ref = ToolSetRef(organization=slugs[toolset.organization_id], toolset=toolset.slug)
            if caller.may_use(toolset.slug) and toolset.published_version_id is not None:
                release = await self._releases.get(toolset.published_version_id, toolset.slug)
                prefix = toolset.slug + JOINT
                if toolset.slug in taken:
                    prefix = ref.organization + JOINT + prefix
                taken.add(toolset.slug)
                offers.extend(_offers_of(caller, ref, release, prefix=prefix))
        return _offers("Jinba MCP", "", offers)

    async def _of_one(self, caller: Caller, ref: ToolSetRef, scopes: tuple[Scope, ...]) -> Offers | None:
        try:
            located = await self.locate(caller, ref, *scopes)
        except (OrganizationNotFound, ToolSetNotFound, VersionNotFound) as error:
            raise EndpointNotFound(ref.toolset, "Unknown, not yours, or MCP is off for it.") from error
        if not located.toolset.listing.mcp_enabled:
            raise EndpointNotFound(ref.toolset, "Unknown, not yours, or MCP is off for it.")
        content = located.release.content
        return _offers(content.name, content.description, _offers_of(caller, ref, located.release, prefix=""))

    async def _locate_shared(self, ref: ToolSetRef, caller: Caller | None, scopes: tuple[Scope, ...]) -> Located:
        organization = await self._organizations.resolve(ref.organization)
        located = await self._locate_in(organization.id, ref)
        listing = located.toolset.listing
        is_open = listing.visibility is Visibility.PUBLIC
        if caller is not None and listing.visibility is Visibility.RESTRICTED:
            invited = {organization.id, *listing.shared_with}
            is_open = any(
                grant.organization_id in invited and not grant.scopes.isdisjoint(scopes) for grant in caller.grants
            )
        if not is_open:
            raise ToolSetNotFound(ref.toolset)
        return located

    async def _locate_in(self, organization_id: OrganizationId, ref: ToolSetRef) -> Located:
        toolset = await self._find(organization_id, ref.toolset) if ids.is_slug(ref.toolset) else None
        if toolset is None:
            raise ToolSetNotFound(ref.toolset)
        version_id = await self._version_id(toolset, ref.version)
        return Located(toolset, await self._releases.get(version_id, toolset.slug))

    async def _find(self, organization_id: OrganizationId, slug: str) -> ToolSet | None:
        async def load() -> ToolSet | None:
            async with self._store.read() as tx:
                return await tx.toolsets.find(organization_id, slug)

        return await self._toolsets.get((organization_id, slug), load)

    async def _version_id(self, toolset: ToolSet, number: str | None) -> VersionId:
        if number is None or number == toolset.published_version:
            if toolset.published_version_id is None:
                raise VersionNotFound("active", f"Nothing of '{toolset.slug}' is published yet.")
            return toolset.published_version_id

        async def load() -> VersionId | None:
            async with self._store.read() as tx:
                snapshot = await tx.versions.find(toolset.id, number)
            return None if snapshot is None else self._releases.keep(snapshot, toolset.slug).version.id

        found = await self._pins.get((toolset.id, number), load)
        if found is None:
            raise VersionNotFound(number, f"List the versions of '{toolset.slug}' to see which there are.")
        return found


def offer_named(offers: Offers, name: str) -> Offer:
    """The offer with that name.

    Raises:
        ToolNotFound: not offered here to this caller.
    """
    offer = offers.by_name.get(name)
    if offer is None:
        raise ToolNotFound(name, "List the tools to see which there are.")
    return offer


def _offers_of(caller: Caller, ref: ToolSetRef, release: Release, *, prefix: str) -> list[Offer]:
    return [
        Offer(prefix + tool.slug, tool, ToolRef(**ref.model_dump(), tool=tool.slug))
        for tool in release.content.tools
        if caller.may_use(release.toolset_slug, tool.slug)
    ]


def _offers(title: str, instructions: str, offers: list[Offer]) -> Offers:
    by_name = {offer.name: offer for offer in sorted(offers, key=lambda offer: offer.name)}
    seen = hashlib.sha256()
    for offer in by_name.values():
        seen.update(offer.name.encode() + offer.tool.model_dump_json(exclude={"code"}).encode())
    return Offers(title, instructions, by_name, seen.hexdigest())
