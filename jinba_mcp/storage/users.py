"""Users: row and repository."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlmodel import Field

from jinba_mcp.domain.errors import NameTaken, UserNotFound
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.users import PendingAccount, User, folded
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.removal import remove_whole
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class UserRow(Row, table=True):
    """A person. `email_folded` makes addresses unique whatever their case."""

    __tablename__ = "user"

    id: str = Field(primary_key=True, sa_type=WORD)
    email: str
    email_folded: str = Field(unique=True, sa_type=WORD)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    verified_at: datetime | None = Field(sa_type=UtcDateTime)


class PendingAccountRow(Row, table=True):
    """An account to be, with the SHA-256 digest (hex) of the token that makes it one."""

    __tablename__ = "pending_account"

    digest: str = Field(primary_key=True, sa_type=WORD)
    email: str
    email_folded: str = Field(index=True, sa_type=WORD)
    name: str
    password_hash: str
    expires_at: datetime = Field(index=True, sa_type=UtcDateTime)


_users = table_of(UserRow)
_pending = table_of(PendingAccountRow)


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
            values = values_of(user) | {"email_folded": folded(user.email)}
            await self._connection.write(insert(_users), values)

    async def add_pending(self, account: PendingAccount, digest: str, now: datetime) -> None:
        """Store an account to be; there may be several for one address. Those that have expired go."""
        await self._connection.write(delete(_pending).where(_pending.c.expires_at <= now))
        values = values_of(account) | {"email_folded": folded(account.email), "digest": digest}
        await self._connection.write(insert(_pending), values)

    async def find_pending(self, digest: str, now: datetime) -> PendingAccount | None:
        """The account to be that a token confirms at `now`."""
        row = await self._connection.first(
            select(_pending).where(_pending.c.digest == digest, _pending.c.expires_at > now)
        )
        return None if row is None else record_of(PendingAccount, row, _pending)

    async def forget_pending(self, email: str) -> None:
        """Forget all accounts to be of an address."""
        await self._connection.write(delete(_pending).where(_pending.c.email_folded == folded(email)))

    async def find(self, user_id: UserId) -> User | None:
        row = await self._connection.first(select(_users).where(_users.c.id == user_id))
        return None if row is None else record_of(User, row, _users)

    async def get(self, user_id: UserId) -> User:
        """The user of that id.

        Raises:
            UserNotFound: there is none.
        """
        found = await self.find(user_id)
        if found is None:
            raise UserNotFound(user_id)
        return found

    async def find_by_email(self, email: str) -> User | None:
        """The user with this address, in whatever case."""
        row = await self._connection.first(select(_users).where(_users.c.email_folded == folded(email)))
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

    async def page(self, request: PageRequest) -> Page[User]:
        """All users, oldest first; the key of the page is the id."""
        return await page_by(
            self._connection, select(_users), _users.c.id, request, lambda row: record_of(User, row, _users)
        )

    async def save(self, user: User) -> None:
        """Store a changed name or proof of the address."""
        changes = {"name": user.name, "verified_at": user.verified_at}
        await self._connection.write(update(_users).where(_users.c.id == user.id).values(changes))

    async def remove(self, user_id: UserId) -> None:
        """Delete a user with memberships, sessions, credentials and personal keys. Their runs keep the keys' names."""
        await remove_whole(self._connection, _users, user_id)
        await self._connection.touch()
