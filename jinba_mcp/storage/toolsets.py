"""ToolSets, their tags and their drafts: rows and repository."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Select, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import NameTaken, ToolSetNotFound
from jinba_mcp.domain.ids import OrganizationId, ToolSetId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.toolsets import Content, Draft, Origin, ToolSet, Visibility
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.organizations import OrganizationRow
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of, values_of

_MAX_OFFSET = 1_000_000


class ToolSetRow(Row, table=True):
    """A ToolSet without its code. The last three columns repeat what lists filter by.

    The published version is not a foreign key: the two tables would point at each other.
    """

    __tablename__ = "toolset"

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(foreign_key="organization.id", sa_type=WORD)
    slug: str = Field(sa_type=WORD)
    name: str
    description: str
    listing: Any = Field(sa_type=JsonText, nullable=False)
    published_version_id: str | None = Field(sa_type=WORD)
    published_version: str | None = None
    latest_version: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    visibility: str = Field(sa_type=WORD)
    mcp_enabled: bool
    search_text: str


class ToolSetTagRow(Row, table=True):
    """One tag of one ToolSet, repeated from its listing."""

    __tablename__ = "toolset_tag"

    toolset_id: str = Field(primary_key=True, foreign_key="toolset.id", sa_type=WORD)
    tag: str = Field(primary_key=True, index=True, sa_type=WORD)


class DraftRow(Row, table=True):
    """What is edited; `content` is canonical JSON."""

    __tablename__ = "draft"

    toolset_id: str = Field(primary_key=True, foreign_key="toolset.id", sa_type=WORD)
    content: str
    origin: str
    source_digest: str
    derived: Any = Field(sa_type=JsonText, nullable=True)
    updated_at: datetime = Field(sa_type=UtcDateTime)


_organizations = table_of(OrganizationRow)
_toolsets = table_of(ToolSetRow)
_tags = table_of(ToolSetTagRow)
_drafts = table_of(DraftRow)
Index("uq_toolset_organization_slug", _toolsets.c.organization_id, _toolsets.c.slug, unique=True)
Index("ix_toolset_visibility", _toolsets.c.visibility, _toolsets.c.organization_id, _toolsets.c.slug)

_is_listed = (_toolsets.c.visibility == Visibility.PUBLIC) & _toolsets.c.published_version_id.is_not(None)
_FIXED = frozenset({"id", "organization_id", "slug", "created_at"})


def content_text(content: Content) -> str:
    """Canonical JSON, so that the stored text is what digests are taken over."""
    return json_values.canonical(content.model_dump(mode="json")).decode()


def _values(toolset: ToolSet) -> dict[str, Any]:
    words = (toolset.slug, toolset.name, toolset.description, *toolset.listing.tags)
    return values_of(toolset) | {
        "visibility": toolset.listing.visibility,
        "mcp_enabled": toolset.listing.mcp_enabled,
        "search_text": "\n".join(words).casefold(),
    }


def _toolset(row: RowMapping) -> ToolSet:
    return record_of(ToolSet, row, _toolsets)


def _draft(row: RowMapping) -> Draft:
    return Draft(
        content=Content.model_validate_json(row["content"]),
        origin=Origin(row["origin"]),
        source_digest=row["source_digest"],
        derived=row["derived"],
        updated_at=row["updated_at"],
    )


def _listed(tag: str | None, text: str | None, *columns: Any) -> Select[Any]:
    statement = (
        select(*columns)
        .select_from(_toolsets)
        .join(_organizations, _organizations.c.id == _toolsets.c.organization_id)
        .where(_is_listed)
    )
    if tag is not None:
        statement = statement.where(_toolsets.c.id.in_(select(_tags.c.toolset_id).where(_tags.c.tag == tag)))
    if text is not None:
        statement = statement.where(_toolsets.c.search_text.contains(text.casefold(), autoescape=True))
    return statement


class ToolSetRepository:
    """ToolSets and drafts in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, toolset: ToolSet, draft: Draft) -> None:
        """Store a new ToolSet with its first draft.

        Raises:
            NameTaken: the organization has a ToolSet of that slug.
        """
        async with self._connection.unique(NameTaken("ToolSet", toolset.slug)):
            await self._connection.write(insert(_toolsets), _values(toolset))
        await self._save_tags(toolset)
        values = values_of(draft) | {"toolset_id": toolset.id, "content": content_text(draft.content)}
        await self._connection.write(insert(_drafts), values)
        await self._connection.touch()

    async def find(self, organization_id: OrganizationId, slug: str) -> ToolSet | None:
        row = await self._connection.first(
            select(_toolsets).where(_toolsets.c.organization_id == organization_id, _toolsets.c.slug == slug)
        )
        return None if row is None else _toolset(row)

    async def get(self, organization_id: OrganizationId, slug: str) -> ToolSet:
        """The organization's ToolSet of that slug.

        Raises:
            ToolSetNotFound: there is none.
        """
        found = await self.find(organization_id, slug)
        if found is None:
            raise ToolSetNotFound(slug)
        return found

    async def page(self, organization_id: OrganizationId, request: PageRequest) -> Page[ToolSet]:
        """An organization's ToolSets in the order of slugs, which are the keys of the page."""
        statement = select(_toolsets).where(_toolsets.c.organization_id == organization_id)
        return await page_by(self._connection, statement, _toolsets.c.slug, request, _toolset)

    async def count(self, organization_id: OrganizationId) -> int:
        """How many an organization has."""
        is_theirs = _toolsets.c.organization_id == organization_id
        return int(await self._connection.value(select(func.count()).where(is_theirs)))

    async def save(self, toolset: ToolSet) -> None:
        """Store everything about a ToolSet that may change; its slug and organization may not.

        Raises:
            ToolSetNotFound: it is gone.
        """
        changes = {name: value for name, value in _values(toolset).items() if name not in _FIXED}
        found = await self._connection.write(update(_toolsets).where(_toolsets.c.id == toolset.id).values(changes))
        if not found:
            raise ToolSetNotFound(toolset.slug)
        await self._connection.write(delete(_tags).where(_tags.c.toolset_id == toolset.id))
        await self._save_tags(toolset)
        await self._connection.touch()

    async def find_draft(self, toolset_id: ToolSetId) -> Draft:
        """The draft, which every ToolSet has.

        Raises:
            ToolSetNotFound: there is no such ToolSet.
        """
        row = await self._connection.first(select(_drafts).where(_drafts.c.toolset_id == toolset_id))
        if row is None:
            raise ToolSetNotFound(toolset_id)
        return _draft(row)

    async def find_with_draft(self, organization_id: OrganizationId, slug: str) -> tuple[ToolSet, Draft] | None:
        toolset = await self.find(organization_id, slug)
        return None if toolset is None else (toolset, await self.find_draft(toolset.id))

    async def save_draft(self, toolset_id: ToolSetId, draft: Draft) -> None:
        """Replace the draft.

        Raises:
            ToolSetNotFound: there is no such ToolSet.
        """
        changes = values_of(draft) | {"content": content_text(draft.content)}
        found = await self._connection.write(update(_drafts).where(_drafts.c.toolset_id == toolset_id).values(changes))
        if not found:
            raise ToolSetNotFound(toolset_id)
        await self._connection.touch()

    async def remove(self, toolset_id: ToolSetId) -> None:
        """Delete a ToolSet with its tags and its draft; its versions and its env have to be gone before.

        Raises:
            ToolSetNotFound: there is no such ToolSet.
        """
        await self._connection.write(delete(_tags).where(_tags.c.toolset_id == toolset_id))
        await self._connection.write(delete(_drafts).where(_drafts.c.toolset_id == toolset_id))
        if not await self._connection.write(delete(_toolsets).where(_toolsets.c.id == toolset_id)):
            raise ToolSetNotFound(toolset_id)
        await self._connection.touch()

    async def page_public(
        self, tag: str | None, text: str | None, limit: int, offset: int
    ) -> tuple[list[tuple[Organization, ToolSet]], int]:
        """Public ToolSets with an active version, by organization's slug and slug, and how many there are in all.

        `tag` fits exactly; `text` is looked for in slug, name, description and tags, in whatever case.
        """
        total = await self._connection.value(_listed(tag, text, func.count()))
        rows = await self._connection.all(
            _listed(tag, text, _organizations, _toolsets)
            .order_by(_organizations.c.slug, _toolsets.c.slug)
            .limit(min(max(limit, 1), MAX_LIMIT))
            .offset(min(max(offset, 0), _MAX_OFFSET))
        )
        return [(record_of(Organization, row, _organizations), _toolset(row)) for row in rows], int(total)

    async def enabled(self, organization_ids: Collection[OrganizationId]) -> list[ToolSet]:
        """What these organizations serve over MCP: enabled, with an active version; by organization's id and slug."""
        rows = await self._connection.all(
            select(_toolsets)
            .where(
                _toolsets.c.organization_id.in_(organization_ids),
                _toolsets.c.mcp_enabled.is_(True),
                _toolsets.c.published_version_id.is_not(None),
            )
            .order_by(_toolsets.c.organization_id, _toolsets.c.slug)
        )
        return [_toolset(row) for row in rows]

    async def tags_public(self) -> list[tuple[str, int]]:
        """Each tag of listed public ToolSets with how many bear it: the most used first, then by name."""
        count = func.count()
        rows = await self._connection.all(
            select(_tags.c.tag, count.label("toolset_count"))
            .join(_toolsets, _toolsets.c.id == _tags.c.toolset_id)
            .where(_is_listed)
            .group_by(_tags.c.tag)
            .order_by(count.desc(), _tags.c.tag)
        )
        return [(row["tag"], row["toolset_count"]) for row in rows]

    async def _save_tags(self, toolset: ToolSet) -> None:
        tags = [{"toolset_id": toolset.id, "tag": tag} for tag in sorted(set(toolset.listing.tags))]
        if tags:
            await self._connection.write(insert(_tags), tags)
