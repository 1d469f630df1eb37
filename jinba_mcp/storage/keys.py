"""Keys and the digests of their secrets: rows and repository. No secret ever reaches this room."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, delete, exists, func, insert, or_, select, update
from sqlmodel import Field

from jinba_mcp.domain.errors import KeyNotFound
from jinba_mcp.domain.ids import KeyId, OrganizationId, UserId
from jinba_mcp.domain.keys import Key
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of, values_of


class KeyRow(Row, table=True):
    """A credential without its secret."""

    __tablename__ = "key"

    id: str = Field(primary_key=True, sa_type=WORD)
    kind: str
    organization_id: str | None = Field(foreign_key="organization.id", sa_type=WORD)
    user_id: str | None = Field(foreign_key="user.id", sa_type=WORD)
    name: str
    prefix: str
    scopes: Any = Field(sa_type=JsonText, nullable=False)
    toolsets: Any = Field(sa_type=JsonText, nullable=True)
    tools: Any = Field(sa_type=JsonText, nullable=True)
    allowed_ips: Any = Field(sa_type=JsonText, nullable=True)
    rate_limit: int | None
    expires_at: datetime | None = Field(sa_type=UtcDateTime)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(sa_type=UtcDateTime)


class KeyDigestRow(Row, table=True):
    """A secret that opens a key: the SHA-256 digest in hex. `valid_until` is NULL for the current one of each key."""

    __tablename__ = "key_digest"

    digest: str = Field(primary_key=True, sa_type=WORD)
    key_id: str = Field(foreign_key="key.id", index=True, sa_type=WORD)
    valid_until: datetime | None = Field(sa_type=UtcDateTime)


_keys = table_of(KeyRow)
_digests = table_of(KeyDigestRow)
_is_current = _digests.c.valid_until.is_(None)
_fresh = _keys.c.revoked_at.is_(None)
Index("ix_key_organization", _keys.c.organization_id, _keys.c.id)
Index("ix_key_user", _keys.c.user_id, _keys.c.id)
Index(
    "uq_key_digest_current",
    _digests.c.key_id,
    unique=True,
    sqlite_where=_is_current,
    postgresql_where=_is_current,
)

_CHANGEABLE = ("name", "prefix", "scopes", "toolsets", "tools", "allowed_ips", "rate_limit", "expires_at")
"""Not the owner and not what other operations keep: a record read earlier must not undo a revocation or a last use."""


def _key(row: Any) -> Key:
    return record_of(Key, row, _keys)


class KeyRepository:
    """Keys in one transaction. A revoked key is found by nothing but its runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, key: Key, digest: str) -> None:
        """Store a new key with the SHA-256 digest (hex) of its secret."""
        await self._connection.write(insert(_keys), values_of(key))
        await self._connection.write(insert(_digests), {"digest": digest, "key_id": key.id, "valid_until": None})
        await self._connection.touch()

    async def count(self, organization_id: OrganizationId | None, user_id: UserId | None) -> int:
        """How many keys an organization has, or a user."""
        is_theirs = _keys.c.organization_id == organization_id if user_id is None else _keys.c.user_id == user_id
        return int(await self._connection.value(select(func.count()).where(is_theirs, _fresh)))

    async def find_by_digest(self, digest: str, now: datetime) -> tuple[Key, datetime | None] | None:
        """The unrevoked key that a secret opens at `now`, and until when it will: None unless it was rotated out.

        Expiry of the key itself is not looked at.
        """
        row = await self._connection.first(
            select(_keys, _digests.c.valid_until)
            .join(_digests, _digests.c.key_id == _keys.c.id)
            .where(_digests.c.digest == digest, _fresh, or_(_is_current, _digests.c.valid_until > now))
        )
        return None if row is None else (_key(row), row[_digests.c.valid_until])

    async def find(self, organization_id: OrganizationId, key_id: str) -> Key | None:
        """An organization's own key."""
        row = await self._connection.first(
            select(_keys).where(_keys.c.id == key_id, _keys.c.organization_id == organization_id, _fresh)
        )
        return None if row is None else _key(row)

    async def get(self, organization_id: OrganizationId, key_id: str) -> Key:
        """An organization's own key.

        Raises:
            KeyNotFound: unknown, revoked or another organization's.
        """
        key = await self.find(organization_id, key_id)
        if key is None:
            raise KeyNotFound(key_id)
        return key

    async def find_personal(self, user_id: UserId, key_id: str) -> Key | None:
        """A user's own personal key."""
        row = await self._connection.first(
            select(_keys).where(_keys.c.id == key_id, _keys.c.user_id == user_id, _fresh)
        )
        return None if row is None else _key(row)

    async def page(self, organization_id: OrganizationId, request: PageRequest) -> Page[Key]:
        """An organization's keys, newest first."""
        statement = select(_keys).where(_keys.c.organization_id == organization_id, _fresh)
        return await page_by(self._connection, statement, _keys.c.id, request, _key, newest_first=True)

    async def page_personal(self, user_id: UserId, request: PageRequest) -> Page[Key]:
        """A user's personal keys, newest first."""
        statement = select(_keys).where(_keys.c.user_id == user_id, _fresh)
        return await page_by(self._connection, statement, _keys.c.id, request, _key, newest_first=True)

    async def save(self, key: Key) -> None:
        """Store a changed name, scopes, narrowing or expiry.

        Raises:
            KeyNotFound: unknown, or revoked in the meantime.
        """
        values = values_of(key)
        changes = {name: values[name] for name in _CHANGEABLE}
        if not await self._connection.write(update(_keys).where(_keys.c.id == key.id, _fresh).values(changes)):
            raise KeyNotFound(key.id)
        await self._connection.touch()

    async def rotate(self, key: Key, new_digest: str, old_valid_until: datetime | None) -> None:
        """Give a key a new secret and store its new prefix.

        The secret before it works until `old_valid_until`; None ends it at once, together with all still overlapping
        from earlier rotations.

        Raises:
            KeyNotFound: unknown, or revoked in the meantime.
        """
        await self.save(key)
        if old_valid_until is None:
            await self._connection.write(delete(_digests).where(_digests.c.key_id == key.id))
        else:
            current = and_(_digests.c.key_id == key.id, _is_current)
            await self._connection.write(update(_digests).where(current).values(valid_until=old_valid_until))
        values = {"digest": new_digest, "key_id": key.id, "valid_until": None}
        await self._connection.write(insert(_digests), values)

    async def revoke(self, key_id: str, at: datetime) -> None:
        """End a key for good and forget its digests. Revoking again changes nothing."""
        await self._connection.write(update(_keys).where(_keys.c.id == key_id, _fresh).values(revoked_at=at))
        await self._connection.write(delete(_digests).where(_digests.c.key_id == key_id))
        await self._connection.touch()

    async def revoke_all_of(self, user_id: UserId, at: datetime) -> None:
        """End all personal keys of a user for good."""
        mine = select(_keys.c.id).where(_keys.c.user_id == user_id)
        await self._connection.write(delete(_digests).where(_digests.c.key_id.in_(mine)))
        await self._connection.write(update(_keys).where(_keys.c.user_id == user_id, _fresh).values(revoked_at=at))
        await self._connection.touch()

    async def touch_last_used(self, key_id: KeyId, at: datetime) -> None:
        """Note a use. Never goes back in time, and does not move the generation."""
        is_later = or_(_keys.c.last_used_at.is_(None), _keys.c.last_used_at < at)
        await self._connection.write(update(_keys).where(_keys.c.id == key_id, is_later).values(last_used_at=at))

    async def any_exists(self) -> bool:
        """Whether there has ever been a key; revoked ones count."""
        return bool(await self._connection.value(select(exists().select_from(_keys))))
