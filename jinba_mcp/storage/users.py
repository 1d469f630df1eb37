"""Users and their memberships: rows and repository."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import Field

from jinba_mcp.domain.errors import NameTaken, UserNotFound
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.organizations import Membership, User
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class UserRow(Row, table=True):
    """A person. `email_folded` makes addresses unique whatever their case."""

    __tablename__ = "user"

    id: str = Field(primary_key=True, sa_type=WORD)
    email: str
    email_folded: str = Field(unique=True, sa_type=WORD)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class MembershipRow(Row, table=True):
    """A user's role in one organization."""

    __tablename__ = "membership"

    organization_id: str = Field(primary_key=True, foreign_key="organization.id", sa_type=WORD)
    user_id: str = Field(primary_key=True, foreign_key="user.id", index=True, sa_type=WORD)
    role: str


_users = table_of(UserRow)
_memberships = table_of(MembershipRow)


class UserRepository:
    """Users in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            NameTaken: the e-mail address is in use, in whatever case.
        """
        async with self._connection.unique(NameTaken("user", user.email)):
            values = values_of(user) | {"email_folded": user.email.casefold()}
            await self._connection.write(insert(_users), values)

    async def find(self, user_id: UserId) -> User | None:
        row = await self._connection.first(select(_users).where(_users.c.id == user_id))
        return None if row is None else record_of(User, row, _users)

    async def find_by_email(self, email: str) -> User | None:
        """The user with this address, in whatever case."""
        row = await self._connection.first(select(_users).where(_users.c.email_folded == email.casefold()))
        return None if row is None else record_of(User, row, _users)

    async def get_by_email(self, email: str) -> User:
        """The user with this address, in whatever case.

        Raises:
            UserNotFound: there is none.
        """
        found = await self.find_by_email(email)
        if found is None:
            raise UserNotFound(email)
        return found

    async def add_membership(self, membership: Membership) -> None:
        """Join a user to an organization.

        Raises:
            NameTaken: the user is a member already.
        """
        async with self._connection.unique(NameTaken("member", membership.user_id)):
            await self._connection.write(insert(_memberships), values_of(membership))
        await self._connection.touch()

    async def memberships(self, user_id: UserId) -> list[Membership]:
        """All of a user's memberships, by organization id."""
        rows = await self._connection.all(
            select(_memberships).where(_memberships.c.user_id == user_id).order_by(_memberships.c.organization_id)
        )
        return [record_of(Membership, row, _memberships) for row in rows]
