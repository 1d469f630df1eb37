"""Memberships: rows and repository."""

from typing import Any

from sqlalchemy import Index, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.errors import MemberNotFound, NameTaken
from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.members import Member, Membership
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, Row, record_of, table_of, values_of
from jinba_mcp.storage.users import UserRow


class MembershipRow(Row, table=True):
    """A user's role in one organization, which has one owner at most."""

    __tablename__ = "membership"

    organization_id: str = Field(primary_key=True, foreign_key="organization.id", sa_type=WORD)
    user_id: str = Field(primary_key=True, foreign_key="user.id", index=True, sa_type=WORD)
    role: str


_users = table_of(UserRow)
_memberships = table_of(MembershipRow)
_is_owner = _memberships.c.role == "owner"
Index(
    "uq_membership_owner",
    _memberships.c.organization_id,
    unique=True,
    sqlite_where=_is_owner,
    postgresql_where=_is_owner,
)


def _is(organization_id: OrganizationId, user_id: str) -> Any:
    return (_memberships.c.organization_id == organization_id) & (_memberships.c.user_id == user_id)


def _member(row: RowMapping) -> Member:
    return Member(user=record_of(User, row, _users), role=Role(row[_memberships.c.role]))


class MemberRepository:
    """Memberships in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, membership: Membership) -> None:
        """Join a user to an organization.

        Raises:
            NameTaken: the user is a member already, or there is an owner already.
        """
        async with self._connection.unique(NameTaken("member", membership.user_id)):
            await self._connection.write(insert(_memberships), values_of(membership))
        await self._connection.touch()

    async def find(self, organization_id: OrganizationId, user_id: str) -> Member | None:
        row = await self._connection.first(_joined().where(_is(organization_id, user_id)))
        return None if row is None else _member(row)

    async def get(self, organization_id: OrganizationId, user_id: str) -> Member:
        """One member.

        Raises:
            MemberNotFound: there is none.
        """
        found = await self.find(organization_id, user_id)
        if found is None:
            raise MemberNotFound(user_id)
        return found

    async def role(self, organization_id: OrganizationId, user_id: UserId) -> Role | None:
        """A user's role as it is now; None for who is no member."""
        value = await self._connection.value(select(_memberships.c.role).where(_is(organization_id, user_id)))
        return None if value is None else Role(value)

    async def find_owner(self, organization_id: OrganizationId) -> Member | None:
        row = await self._connection.first(
            _joined().where(_memberships.c.organization_id == organization_id, _is_owner)
        )
        return None if row is None else _member(row)

    async def page(self, organization_id: OrganizationId, request: PageRequest) -> Page[Member]:
        """An organization's members in the order of their user ids, which is that of their making."""
        statement = _joined().where(_memberships.c.organization_id == organization_id)
        return await page_by(self._connection, statement, _users.c.id, request, _member)

    async def count(self, organization_id: OrganizationId) -> int:
        """How many an organization has."""
        is_theirs = _memberships.c.organization_id == organization_id
        return int(await self._connection.value(select(func.count()).where(is_theirs)))

    async def of_user(self, user_id: UserId) -> list[Membership]:
        """All of a user's memberships, by organization id."""
        rows = await self._connection.all(
            select(_memberships).where(_memberships.c.user_id == user_id).order_by(_memberships.c.organization_id)
        )
        return [record_of(Membership, row, _memberships) for row in rows]

    async def save(self, membership: Membership) -> None:
        """Store a changed role. One owner at a time: the old one is changed before the new one."""
        where = _is(membership.organization_id, membership.user_id)
        await self._connection.write(update(_memberships).where(where).values(role=membership.role))
        await self._connection.touch()

    async def remove(self, organization_id: OrganizationId, user_id: UserId) -> None:
        """End a membership; the user's keys and sessions lose the organization on their next request."""
        await self._connection.write(delete(_memberships).where(_is(organization_id, user_id)))
        await self._connection.touch()


def _joined() -> Any:
    return select(_users, _memberships.c.role).join(_memberships, _memberships.c.user_id == _users.c.id)
