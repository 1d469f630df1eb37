"""Organizations: row and repository."""

from datetime import datetime

from sqlalchemy import insert, or_, select
from sqlmodel import Field

from jinba_mcp.domain.errors import NameTaken, OrganizationNotFound
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of
from jinba_mcp.storage.users import MembershipRow


class OrganizationRow(Row, table=True):
    """A tenant."""

    __tablename__ = "organization"

    id: str = Field(primary_key=True, sa_type=WORD)
    slug: str = Field(unique=True, sa_type=WORD)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


_organizations = table_of(OrganizationRow)
_memberships = table_of(MembershipRow)


class OrganizationRepository:
    """Organizations in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, organization: Organization) -> None:
        """Store a new organization.

        Raises:
            NameTaken: the slug is in use.
        """
        async with self._connection.unique(NameTaken("organization", organization.slug)):
            await self._connection.write(insert(_organizations), values_of(organization))
        await self._connection.touch()

    async def find(self, id_or_slug: str) -> Organization | None:
        # Nobody can take another's id as a slug: ids hold an underscore and capitals, slugs neither.
        row = await self._connection.first(
            select(_organizations).where(or_(_organizations.c.id == id_or_slug, _organizations.c.slug == id_or_slug))
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
