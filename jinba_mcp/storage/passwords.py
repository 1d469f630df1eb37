"""Passwords as hashes, and the tokens that let someone set a new one: rows and repository."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlmodel import Field

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.passwords import StoredPassword
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class PasswordRow(Row, table=True):
    """The hash of a user's password."""

    __tablename__ = "password"

    user_id: str = Field(primary_key=True, foreign_key="user.id", sa_type=WORD)
    hash: str
    changed_at: datetime = Field(sa_type=UtcDateTime)


class PasswordResetRow(Row, table=True):
    """The digest of a token that sets a new password, once."""

    __tablename__ = "password_reset"

    digest: str = Field(primary_key=True, sa_type=WORD)
    user_id: str = Field(foreign_key="user.id", index=True, sa_type=WORD)
    expires_at: datetime = Field(sa_type=UtcDateTime)


_passwords = table_of(PasswordRow)
_resets = table_of(PasswordResetRow)


class PasswordRepository:
    """Passwords in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, user_id: UserId) -> StoredPassword | None:
        row = await self._connection.first(select(_passwords).where(_passwords.c.user_id == user_id))
        return None if row is None else record_of(StoredPassword, row, _passwords)

    async def save(self, password: StoredPassword) -> None:
        """Set a password, whether or not there was one; every open token for a new one ends."""
        changed = update(_passwords).where(_passwords.c.user_id == password.user_id).values(values_of(password))
        if not await self._connection.write(changed):
            await self._connection.write(insert(_passwords), values_of(password))
        await self.forget_resets(password.user_id)

    async def rehash(self, before: StoredPassword, hashed: str) -> None:
        """Store the same password under a stronger hash, unless it was changed in the meantime."""
        unchanged = (_passwords.c.user_id == before.user_id) & (_passwords.c.hash == before.hash)
        await self._connection.write(update(_passwords).where(unchanged).values(hash=hashed))

    async def add_reset(self, user_id: UserId, digest: str, expires_at: datetime) -> None:
        """Let a token set this user's password until then; earlier ones end."""
        await self.forget_resets(user_id)
        values = {"digest": digest, "user_id": user_id, "expires_at": expires_at}
        await self._connection.write(insert(_resets), values)

    async def find_reset(self, digest: str, now: datetime) -> UserId | None:
        """Whose password the token may set at `now`."""
        found = await self._connection.value(
            select(_resets.c.user_id).where(_resets.c.digest == digest, _resets.c.expires_at > now)
        )
        return None if found is None else UserId(found)

    async def forget_resets(self, user_id: UserId) -> None:
        """End a user's open tokens."""
        await self._connection.write(delete(_resets).where(_resets.c.user_id == user_id))
