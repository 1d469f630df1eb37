"""Sessions: row and repository. No token ever reaches this room."""

from datetime import datetime

from sqlalchemy import ColumnElement, Index, delete, insert, not_, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.ids import SessionId, UserId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.sessions import IDLE_LIFETIME, LIFETIME, MAX_PER_USER, Session
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class SessionRow(Row, table=True):
    """A sign-in, with the SHA-256 digest (hex) of its token."""

    __tablename__ = "session"

    id: str = Field(primary_key=True, sa_type=WORD)
    user_id: str = Field(foreign_key="user.id", sa_type=WORD)
    digest: str = Field(unique=True, sa_type=WORD)
    client: str
    address: str | None
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime = Field(sa_type=UtcDateTime)


_sessions = table_of(SessionRow)
Index("ix_session_user_id", _sessions.c.user_id, _sessions.c.id)


def _session(row: RowMapping) -> Session:
    return record_of(Session, row, _sessions)


def _has_expired(now: datetime) -> ColumnElement[bool]:
    return or_(_sessions.c.last_used_at <= now - IDLE_LIFETIME, _sessions.c.created_at <= now - LIFETIME)


class SessionRepository:
    """Sessions in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session, digest: str) -> None:
        """Store a new session; the user's expired ones go, and the oldest beyond `MAX_PER_USER`."""
        mine = _sessions.c.user_id == session.user_id
        await self._connection.write(delete(_sessions).where(mine, _has_expired(session.created_at)))
        newest = select(_sessions.c.id).where(mine).order_by(_sessions.c.id.desc()).limit(MAX_PER_USER - 1)
        await self._connection.write(delete(_sessions).where(mine, _sessions.c.id.not_in(newest)))
        await self._connection.write(insert(_sessions), values_of(session) | {"digest": digest})
        await self._connection.touch()

    async def find_by_digest(self, digest: str) -> Session | None:
        """The session that a token opens; expiry is not looked at."""
        row = await self._connection.first(select(_sessions).where(_sessions.c.digest == digest))
        return None if row is None else _session(row)

    async def find(self, user_id: UserId, session_id: str) -> Session | None:
        """One session of a user."""
        is_it = (_sessions.c.user_id == user_id) & (_sessions.c.id == session_id)
        row = await self._connection.first(select(_sessions).where(is_it))
        return None if row is None else _session(row)

    async def page(self, user_id: UserId, now: datetime, request: PageRequest) -> Page[Session]:
        """A user's sessions that live at `now`, newest first."""
        statement = select(_sessions).where(_sessions.c.user_id == user_id, not_(_has_expired(now)))
        return await page_by(self._connection, statement, _sessions.c.id, request, _session, newest_first=True)

    async def touch_last_used(self, session_id: SessionId, at: datetime) -> None:
        """Note a use. Never goes back in time, and does not move the generation."""
        is_later = (_sessions.c.id == session_id) & (_sessions.c.last_used_at < at)
        await self._connection.write(update(_sessions).where(is_later).values(last_used_at=at))

    async def remove(self, user_id: UserId, session_id: str) -> bool:
        """End one session of a user; False if there is no such one."""
        is_it = (_sessions.c.user_id == user_id) & (_sessions.c.id == session_id)
        found = await self._connection.write(delete(_sessions).where(is_it))
        await self._connection.touch()
        return bool(found)

    async def remove_all(self, user_id: UserId, *, but: SessionId | None = None) -> int:
        """End all sessions of a user but one; how many there were."""
        ended = delete(_sessions).where(_sessions.c.user_id == user_id, _sessions.c.id != (but or ""))
        count = await self._connection.write(ended)
        await self._connection.touch()
        return count
