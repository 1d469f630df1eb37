"""Organizations and the slugs they had before: rows and repository."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select, update
from sqlmodel import Field

from jinba_mcp.domain.errors import NameTaken, OrganizationNotFound
from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.organizations import Contents, Organization, Removal
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.members import MembershipRow
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.removal import belonging, remove_loose, remove_whole
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class OrganizationRow(Row, table=True):
    """A tenant."""

    __tablename__ = "organization"

    id: str = Field(primary_key=True, sa_type=WORD)
    slug: str = Field(unique=True, sa_type=WORD)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class FormerSlugRow(Row, table=True):
    """A slug that an organization had before and that nobody else gets, so that no URL comes to lead to a stranger.

    `organization_id` is NULL once the organization is deleted; there is no foreign key, since the row outlives it.
    """

    __tablename__ = "former_slug"

    slug: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str | None = Field(index=True, sa_type=WORD)


class RemovalRow(Row, table=True):
    """An organization that was removed, while rows of it that no foreign key leads from may be left."""

    __tablename__ = "removal"

    organization_id: str = Field(primary_key=True, sa_type=WORD)
    removed_at: datetime = Field(sa_type=UtcDateTime)


_organizations = table_of(OrganizationRow)
_former = table_of(FormerSlugRow)
_removals = table_of(RemovalRow)
_memberships = table_of(MembershipRow)
_OUTLIVING = frozenset({"audit", "former_slug", "removal"})
"""Tables that tell of an organization after its end."""
_CONTENTS = {
    "toolsets": "toolset",
    "versions": "version",
    "variables": "env",
    "keys": "key",
    "members": "membership",
    "invitations": "invitation",
    "webhooks": "webhook",
    "deliveries": "delivery",
    "runs": "run",
    "transactions": "credit_transaction",
}
"""The tables behind `Contents`, by name: their modules import this one."""


class OrganizationRepository:
    """Organizations in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, organization: Organization) -> None:
        """Store a new organization.

        Raises:
            NameTaken: the slug is in use, or was another organization's.
        """
        await self._refuse_former(organization)
        async with self._connection.unique(NameTaken("organization", organization.slug)):
            await self._connection.write(insert(_organizations), values_of(organization))
        await self._connection.touch()

    async def find(self, id_or_slug: str) -> Organization | None:
        """The organization of that id, slug or former slug."""
        # Nobody can take another's id as a slug: ids hold an underscore and capitals, slugs neither.
        formerly = select(_former.c.organization_id).where(_former.c.slug == id_or_slug)
        row = await self._connection.first(
            select(_organizations).where(
                or_(
                    _organizations.c.id == id_or_slug,
                    _organizations.c.slug == id_or_slug,
                    _organizations.c.id == formerly.scalar_subquery(),
                )
            )
        )
        return None if row is None else record_of(Organization, row, _organizations)

    async def get(self, id_or_slug: str) -> Organization:
        """The organization of that id or slug.

        Raises:
            OrganizationNotFound: there is none.
        """
        found = await self.find(id_or_slug)
        if found is None:
            raise OrganizationNotFound(id_or_slug)
        return found

    async def page(self, request: PageRequest) -> Page[Organization]:
        """All organizations, oldest first; the key of the page is the id."""
        return await page_by(
            self._connection,
            select(_organizations),
            _organizations.c.id,
            request,
            lambda row: record_of(Organization, row, _organizations),
        )

    async def of_user(self, user_id: UserId) -> list[tuple[Organization, Role]]:
        """Where a user belongs and as what, in the order of slugs."""
        rows = await self._connection.all(
            select(_organizations, _memberships.c.role)
            .join(_memberships, _memberships.c.organization_id == _organizations.c.id)
            .where(_memberships.c.user_id == user_id)
            .order_by(_organizations.c.slug)
        )
        return [(record_of(Organization, row, _organizations), Role(row[_memberships.c.role])) for row in rows]

    async def save(self, before: Organization, after: Organization) -> None:
        """Store a changed name or slug; the slug before stays the organization's own.

        Raises:
            NameTaken: the slug is in use, or was another organization's.
        """
        await self._refuse_former(after)
        async with self._connection.unique(NameTaken("organization", after.slug)):
            changes = {"name": after.name, "slug": after.slug}
            await self._connection.write(update(_organizations).where(_organizations.c.id == after.id).values(changes))
        if before.slug != after.slug:
            await self._connection.write(delete(_former).where(_former.c.slug == after.slug))
            await self._connection.write(insert(_former), {"slug": before.slug, "organization_id": after.id})
        await self._connection.touch()

    async def former_slugs(self, organization_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """What organizations were called before, by id; those that never changed their slug are left out."""
        rows = await self._connection.all(select(_former).where(_former.c.organization_id.in_(organization_ids)))
        found: dict[str, frozenset[str]] = {}
        for row in rows:
            identifier = row["organization_id"]
            found[identifier] = found.get(identifier, frozenset()) | {row["slug"]}
        return found

    async def contents(self, organization_id: OrganizationId) -> Contents:
        """What an organization holds now."""
        counts = {noun: await self._count(name, organization_id) for noun, name in _CONTENTS.items()}
        return Contents(**counts)

    async def remove(self, organization: Organization, at: datetime) -> None:
        """Delete an organization with all that hangs from it by foreign keys; nobody gets its slugs after it.

        It is in `removals` until the rest, which `remove_loose` deletes, is gone too.
        """
        await remove_whole(self._connection, _organizations, organization.id)
        gone = update(_former).where(_former.c.organization_id == organization.id).values(organization_id=None)
        await self._connection.write(gone)
        await self._connection.write(insert(_former), {"slug": organization.slug, "organization_id": None})
        await self._connection.write(insert(_removals), {"organization_id": organization.id, "removed_at": at})
        await self._connection.touch()

    async def removals(self) -> list[Removal]:
        """The organizations that were removed and may have left something."""
        rows = await self._connection.all(select(_removals).order_by(_removals.c.removed_at))
        return [record_of(Removal, row, _removals) for row in rows]

    async def remove_loose(self, organization_id: OrganizationId) -> bool:
        """Delete some of the rows that an organization left without a foreign key; False when there are no more."""
        return await remove_loose(self._connection, organization_id, but=_OUTLIVING)

    async def forget_removal(self, organization_id: OrganizationId) -> None:
        """Nothing of an organization is left, and nothing comes any more."""
        await self._connection.write(delete(_removals).where(_removals.c.organization_id == organization_id))

    async def _refuse_former(self, organization: Organization) -> None:
        row = await self._connection.first(select(_former).where(_former.c.slug == organization.slug))
        if row is not None and row["organization_id"] != organization.id:
            raise NameTaken("organization", organization.slug)

    async def _count(self, name: str, organization_id: OrganizationId) -> int:
        table = Row.metadata.tables[name]
        below = belonging(table, _organizations, organization_id)
        condition = table.c.organization_id == organization_id if below is None else below
        if "revoked_at" in table.c:
            condition &= table.c.revoked_at.is_(None)
        return int(await self._connection.value(select(func.count()).select_from(table).where(condition)))
