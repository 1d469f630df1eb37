"""Archives: a ToolSet as a ZIP file, to take elsewhere or to bring here."""

import anyio

from jinba_mcp.authoring.archives import read_archive, write_archive
from jinba_mcp.core.drafts import Drafted, Drafts
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.core.versions import Versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import EnvDeclaration, Variable
from jinba_mcp.domain.errors import OrganizationNotFound
from jinba_mcp.domain.revisions import Tags
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, source_of
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.storage.store import Store


class Archives:
    """Nothing of an archive is kept before all of it has been read; the draft alone changes."""

    def __init__(self, store: Store, drafts: Drafts, versions: Versions, organizations: Organizations) -> None:
        self._store = store
        self._drafts = drafts
        self._versions = versions
        self._organizations = organizations
        # Reading YAML keeps a core busy, so archives wait for one another and not the server for them.
        self._turns = anyio.CapacityLimiter(1)

    async def export(self, caller: Caller, organization: str, slug: str, version: str | None = None) -> bytes:
        """The ZIP file of a version, of the draft without one: the same bytes while nothing changes.

        Variables go along, secrets by their key only.

        Raises:
            ToolSetNotFound: unknown, another organization's or narrowed out.
            VersionNotFound: no such number was published.
        """
        caller.require(organization, Scope.READ)
        toolset, draft = await self._drafts.get(caller, organization, slug)
        if version is not None:
            content = (await self._versions.get(caller, organization, slug, version)).content
            draft = draft.model_copy(update={"content": content, "derived": None})
        async with self._store.read() as tx:
            variables = await tx.env.of_toolset(toolset.id)
        source = source_of(toolset, draft)
        listing = source.listing.model_copy(
            update={"env": _env(toolset, variables), "shared_with": await self._shared_with(toolset)}
        )
        whole = source.model_copy(update={"listing": listing})
        return await anyio.to_thread.run_sync(write_archive, whole, limiter=self._turns)

    async def load(
        self,
        caller: Caller,
        organization: str,
        archive: bytes,
        *,
        slug: str | None = None,
        if_match: Tags = None,
    ) -> Drafted:
        """Make what is in the ZIP file the draft of its ToolSet (of `slug`, if given), which is made if it is new.

        Raises:
            ArchiveInvalid, FolderInvalid: it cannot be read; nothing is changed.
            As `Drafts.save` does.
        """
        caller.require(organization, Scope.WRITE)
        folder = await anyio.to_thread.run_sync(read_archive, archive, limiter=self._turns)
        source = Source.model_validate({**folder.model_dump(), **({} if slug is None else {"slug": slug})})
        return await self._drafts.save(caller, organization, source, if_match=if_match)

    async def _shared_with(self, toolset: ToolSet) -> tuple[str, ...]:
        slugs = []
        for organization_id in toolset.listing.shared_with:
            try:
                slugs.append((await self._organizations.resolve(organization_id)).slug)
            except OrganizationNotFound:
                continue
        return tuple(sorted(slugs))


def _env(toolset: ToolSet, variables: list[Variable]) -> tuple[EnvDeclaration, ...]:
    declared = {each.key: each for each in toolset.listing.env}
    for variable in variables:
        declared[variable.key] = EnvDeclaration(key=variable.key, value=variable.value, secret=variable.is_secret)
    return tuple(declared[key] for key in sorted(declared))
