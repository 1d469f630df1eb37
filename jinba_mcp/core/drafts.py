"""Drafts: making a ToolSet, and editing what it will publish next.

An edit is made of what the draft is now, its code is looked at with no transaction open, and it is stored if nothing
came in between; else it is made anew. So no edit is lost, and whoever names the state to be edited (`if_match`) hears
when it is another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.core.sources import Sources
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    Conflict,
    CountExceeded,
    FieldsInvalid,
    NameTaken,
    OrganizationNotFound,
    PreconditionFailed,
    ToolNotFound,
    ToolSetNotFound,
)
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.revisions import Tags, check, tool_tag, toolset_tag
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool, source_of
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import MAX_TOOLS, MAX_TOOLSETS, RESERVED_SLUGS, Content, Draft, Listing, Origin, ToolSet
from jinba_mcp.storage.store import Store

R = TypeVar("R", bound=Record)

_ATTEMPTS = 5

Drafted = tuple[ToolSet, Draft]
Edit = Callable[[Drafted | None], Source]
"""What the source is to be, given what is there now; raises for what cannot be."""


@dataclass(frozen=True)
class _Change:
    """An edit, and what the audit log calls it."""

    slug: str
    edit: Edit
    action: str
    target: str
    is_whole: bool = False
    """Whether the caller gives all of the code, and so answers for all of it."""


class Drafts:
    """Whoever edits a draft decides whose code it is: once a key has touched it, it is the operator's no longer."""

    def __init__(self, store: Store, clock: Clock, organizations: Organizations, sources: Sources) -> None:
        self._store = store
        self._clock = clock
        self._organizations = organizations
        self._sources = sources

    async def get(self, caller: Caller, organization: str, slug: str) -> Drafted:
        """A ToolSet and its draft, with those tools that the key may use.

        Raises:
            ToolSetNotFound: unknown, another organization's or narrowed out.
        """
        organization_id = caller.require(organization, Scope.READ)
        found = await self._find(organization_id, slug)
        if found is None or not caller.may_use(slug):
            raise ToolSetNotFound(slug)
        return _seen(caller, *found)

    async def save(
        self,
        caller: Caller,
        organization: str,
        source: Source,
        report: Reporter | None = None,
        *,
        if_match: Tags = None,
    ) -> Drafted:
        """Make `source` the draft, and the ToolSet if it is new. Listing changes (visibility, MCP, tags) act at once.

        Its packages are resolved and locked. Schemas that the source does not give are read from its code, by the
        engine that would run it. `report` hears of both.

        Raises:
            PreconditionFailed: the ToolSet is not in a state of `if_match`.
            ToolCodeInvalid: the code has no usable signature.
            PackagesUnresolvable: there is no such set of packages.
            EnvironmentFailed: they cannot be had at the moment.
            SandboxUnavailable: nothing here may load this code, so its schemas must be given.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def replaced(found: Drafted | None) -> Source:
            if found is not None:
                check(if_match, toolset_tag(*found))
            elif if_match is not None:
                raise PreconditionFailed
            return source

        change = _Change(source.slug, replaced, "draft.saved", source.slug, is_whole=True)
        return await self._changed(caller, organization_id, change, report)

    async def create(self, caller: Caller, organization: str, source: Source) -> Drafted:
        """A new ToolSet with `source` as its draft.

        Raises:
            NameTaken: the organization has a ToolSet of that slug.
            As `save` does.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def made(found: Drafted | None) -> Source:
            if found is not None:
                raise NameTaken("ToolSet", source.slug)
            return source

        change = _Change(source.slug, made, "toolset.created", source.slug, is_whole=True)
        return await self._changed(caller, organization_id, change)

    async def change(
        self, caller: Caller, organization: str, slug: str, fields: Mapping[str, object], *, if_match: Tags = None
    ) -> Drafted:
        """Replace `fields` of the source (by the names of `Source`, those of `listing` beside them); others stay.

        Raises:
            ToolSetNotFound: no such ToolSet for this caller.
            PreconditionFailed: it is not in a state of `if_match`.
            As `save` does.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def changed(found: Drafted | None) -> Source:
            source = _checked(slug, found, if_match)
            listing = {name: value for name, value in fields.items() if name in Listing.model_fields}
            others = {name: value for name, value in fields.items() if name not in listing}
            return _with(source, {**others, "listing": _with(source.listing, listing)})

        return await self._changed(caller, organization_id, _Change(slug, changed, "toolset.changed", slug))

    async def add_tool(
        self, caller: Caller, organization: str, slug: str, tool: SourceTool, *, if_match: Tags = None
    ) -> tuple[ToolSet, Draft, Tool]:
        """Put a new tool into the draft; `if_match` is of the ToolSet.

        Raises:
            NameTaken: the draft has a tool of that slug.
            CountExceeded: it has as many as it may.
            As `change` does.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def added(found: Drafted | None) -> Source:
            source = _checked(slug, found, if_match)
            if any(tool.slug == each.slug for each in source.tools):
                raise NameTaken("tool", tool.slug)
            if len(source.tools) >= MAX_TOOLS:
                raise CountExceeded(f"'{slug}'", "tools", MAX_TOOLS)
            return source.model_copy(update={"tools": (*source.tools, tool)})

        _check_usable(caller, slug, tool.slug)
        change = _Change(slug, added, "tool.created", f"{slug}/{tool.slug}")
        return _with_tool(await self._changed(caller, organization_id, change), tool.slug)

    async def change_tool(  # noqa: PLR0913  whose, which, what, and from which state
        self,
        caller: Caller,
        organization: str,
        slug: str,
        tool: str,
        fields: Mapping[str, object],
        *,
        if_match: Tags = None,
    ) -> tuple[ToolSet, Draft, Tool]:
        """Replace `fields` (by the names of `SourceTool`) of a tool of the draft; `if_match` is of the tool.

        Raises:
            ToolNotFound: the draft has no such tool.
            As `change` does.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def changed(found: Drafted | None) -> Source:
            source, old = _checked_tool(slug, tool, found, if_match)
            new = _with(old, fields)
            return source.model_copy(update={"tools": tuple(new if each is old else each for each in source.tools)})

        _check_usable(caller, slug, tool)
        change = _Change(slug, changed, "tool.changed", f"{slug}/{tool}")
        return _with_tool(await self._changed(caller, organization_id, change), tool)

    async def remove_tool(
        self, caller: Caller, organization: str, slug: str, tool: str, *, if_match: Tags = None
    ) -> None:
        """Take a tool out of the draft; versions that have it keep it. `if_match` is of the tool.

        Raises:
            ToolNotFound: the draft has no such tool.
            As `change` does.
        """
        organization_id = caller.require(organization, Scope.WRITE)

        def removed(found: Drafted | None) -> Source:
            source, old = _checked_tool(slug, tool, found, if_match)
            return source.model_copy(update={"tools": tuple(each for each in source.tools if each is not old)})

        _check_usable(caller, slug, tool)
        await self._changed(caller, organization_id, _Change(slug, removed, "tool.deleted", f"{slug}/{tool}"))

    async def check(self, content: Content) -> None:
        """System's own: refuse what an earlier release let into a draft and this one cannot serve.

        Raises:
            FieldsInvalid: a schema is not usable, or would take too long to check arguments with.
        """
        await self._sources.check(content)

    async def _find(self, organization_id: OrganizationId, slug: str) -> Drafted | None:
        async with self._store.read() as tx:
            return await tx.toolsets.find_with_draft(organization_id, slug)

    async def _changed(
        self, caller: Caller, organization_id: OrganizationId, change: _Change, report: Reporter | None = None
    ) -> Drafted:
        if "/" in change.target:
            _check_usable(caller, change.slug)
        else:
            caller.require_all_of(change.slug)
        for _ in range(_ATTEMPTS):
            found = await self._find(organization_id, change.slug)
            source = change.edit(found)
            if found is not None and _is_the_same(source, found, _origin(caller, change, found)):
                return found
            made = await self._made(caller, organization_id, change, found, source, report)
            toolset, draft = made
            before, after = _differing(None if found is None else source_of(*found), source_of(*made))
            fact = audit.fact(
                caller, change.action, change.target,
                organization_id=organization_id, at=draft.updated_at, before=before, after=after,
            )  # fmt: skip
            async with self._store.begin() as tx:
                if await tx.toolsets.find_with_draft(organization_id, change.slug) == found:
                    if found is None:
                        if await tx.toolsets.count(organization_id) >= MAX_TOOLSETS:
                            raise CountExceeded("This organization", "ToolSets", MAX_TOOLSETS)
                        await tx.toolsets.add(toolset, draft)
                    else:
                        await tx.toolsets.save(toolset)
                        await tx.toolsets.save_draft(toolset.id, draft)
                    await tx.audit.add(fact)
                    return made
        raise Conflict(f"'{change.slug}' is being edited by too many at once. Try again in a moment.")

    async def _made(  # noqa: PLR0913, PLR0917  a draft is made of all of these
        self,
        caller: Caller,
        organization_id: OrganizationId,
        change: _Change,
        found: Drafted | None,
        source: Source,
        report: Reporter | None,
    ) -> Drafted:
        origin = _origin(caller, change, found)
        listing = await self._listing(source.listing, None if found is None else found[0].listing)
        described = await self._sources.described(source, origin, None if found is None else found[1], report)
        content, now = described.content, self._clock()
        draft = Draft(
            content=content, origin=origin, source_digest=source.digest, derived=described.derived, updated_at=now
        )
        said = {"name": content.name, "description": content.description, "listing": listing, "updated_at": now}
        if found is not None:
            return found[0].model_copy(update=said), draft
        if source.slug in RESERVED_SLUGS:
            fault: JsonObject = {"pointer": "/slug", "detail": "this name has a meaning of its own; choose another"}
            raise FieldsInvalid([fault])
        fixed = {"id": ids.toolset_id(now), "organization_id": organization_id, "slug": source.slug, "created_at": now}
        return ToolSet.model_validate({**fixed, **said}), draft

    async def _listing(self, listing: Listing, before: Listing | None) -> Listing:
        """The listing with the ids of the organizations that it names; those it has already may be gone since."""
        known = set(before.shared_with) if before else set()
        shared, faults = set(), list[JsonObject]()
        for place, name in enumerate(listing.shared_with):
            try:
                shared.add(name if name in known else (await self._organizations.resolve(name)).id)
            except OrganizationNotFound:
                faults.append({"pointer": f"/sharedWith/{place}", "detail": f"there is no organization '{name}'"})
        if faults:
            raise FieldsInvalid(faults)
        return listing.model_copy(update={"shared_with": tuple(sorted(shared))})


def _check_usable(caller: Caller, slug: str, tool: str | None = None) -> None:
    if not caller.may_use(slug):
        raise ToolSetNotFound(slug)
    if tool is not None and not caller.may_use(slug, tool):
        raise ToolNotFound(tool, "Or this key may not use it.")


def _checked(slug: str, found: Drafted | None, if_match: Tags) -> Source:
    if found is None:
        raise ToolSetNotFound(slug)
    check(if_match, toolset_tag(*found))
    return source_of(*found)


def _checked_tool(slug: str, tool: str, found: Drafted | None, if_match: Tags) -> tuple[Source, SourceTool]:
    source = _checked(slug, found, None)
    for place, given in enumerate(source.tools):
        if found is not None and given.slug == tool:
            check(if_match, tool_tag(found[1], found[1].content.tools[place]))
            return source, given
    raise ToolNotFound(tool, f"The draft of '{slug}' has no such tool.")


def _with_tool(made: Drafted, slug: str) -> tuple[ToolSet, Draft, Tool]:
    tool = made[1].content.find_tool(slug)
    if tool is None:
        raise ToolNotFound(slug)
    return *made, tool


def _seen(caller: Caller, toolset: ToolSet, draft: Draft) -> Drafted:
    kept = tuple(tool for tool in draft.content.tools if caller.may_use(toolset.slug, tool.slug))
    return toolset, draft.model_copy(update={"content": draft.content.model_copy(update={"tools": kept})})


def _origin(caller: Caller, change: _Change, found: Drafted | None) -> Origin:
    answers_for_it = change.is_whole or found is None or found[1].origin is Origin.OPERATOR
    return Origin.OPERATOR if caller.is_operator and answers_for_it else Origin.API


def _is_the_same(source: Source, found: Drafted, origin: Origin) -> bool:
    draft = found[1]
    if draft.origin is not origin or draft.derived is None:
        return False
    return source.digest == draft.source_digest or source == source_of(*found)


def _with(record: R, fields: Mapping[str, object]) -> R:
    return type(record).model_validate({**dict(record), **fields})


def _differing(before: Source | None, after: Source) -> tuple[JsonObject | None, JsonObject]:
    """What of the two differs, tools by their slugs; without the lock, which follows from the packages."""
    new = _flat(after)
    if before is None:
        return None, new
    old = _flat(before)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in names}, {name: new.get(name) for name in names}


def _flat(source: Source) -> JsonObject:
    flat: JsonObject = source.model_dump(mode="json", exclude={"tools", "lock"}, exclude_defaults=True)
    return flat | {f"tools/{tool.slug}": tool.model_dump(mode="json", exclude_defaults=True) for tool in source.tools}
