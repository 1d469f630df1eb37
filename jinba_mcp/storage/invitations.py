"""Invitations: row and repository. No token ever reaches this room."""

from datetime import datetime

from sqlalchemy import Index, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.errors import InvitationNotFound
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.invitations import Invitation
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.users import folded
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class InvitationRow(Row, table=True):
    """An open invitation, with the SHA-256 digest (hex) of its token."""

    __tablename__ = "invitation"

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(foreign_key="organization.id", sa_type=WORD)
    email: str
    email_folded: str = Field(sa_type=WORD)
    role: str
    digest: str = Field(unique=True, sa_type=WORD)
    invited_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    mail: str | None
    mail_error: str | None
    mail_due_at: datetime | None = Field(sa_type=UtcDateTime)


_invitations = table_of(InvitationRow)
Index("uq_invitation_email", _invitations.c.organization_id, _invitations.c.email_folded, unique=True)


def _invitation(row: RowMapping) -> Invitation:
    return record_of(Invitation, row, _invitations)


class InvitationRepository:
    """Invitations in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, invitation: Invitation, digest: str) -> None:
        """Store an invitation in the place of an earlier one for the same address; the expired ones go."""
        theirs = _invitations.c.organization_id == invitation.organization_id
        is_over = _invitations.c.expires_at <= invitation.created_at
        is_same = _invitations.c.email_folded == folded(invitation.email)
        await self._connection.write(delete(_invitations).where(theirs, is_over | is_same))
        values = values_of(invitation) | {"email_folded": folded(invitation.email), "digest": digest}
        await self._connection.write(insert(_invitations), values)

    async def find_by_digest(self, digest: str, now: datetime) -> Invitation | None:
        """The invitation that a token opens at `now`."""
        row = await self._connection.first(
            select(_invitations).where(_invitations.c.digest == digest, _invitations.c.expires_at > now)
        )
        return None if row is None else _invitation(row)

    async def page(self, organization_id: OrganizationId, now: datetime, request: PageRequest) -> Page[Invitation]:
        """An organization's open invitations, newest first."""
        is_open = _invitations.c.expires_at > now
        statement = select(_invitations).where(_invitations.c.organization_id == organization_id, is_open)
        return await page_by(self._connection, statement, _invitations.c.id, request, _invitation, newest_first=True)

    async def count(self, organization_id: OrganizationId, now: datetime) -> int:
        """How many are open."""
        is_open = (_invitations.c.organization_id == organization_id) & (_invitations.c.expires_at > now)
        return int(await self._connection.value(select(func.count()).where(is_open)))

    async def get(self, organization_id: OrganizationId, invitation_id: str, now: datetime) -> Invitation:
        """Raises `InvitationNotFound` when no such one is open here."""
        is_it = (_invitations.c.organization_id == organization_id) & (_invitations.c.id == invitation_id)
        row = await self._connection.first(select(_invitations).where(is_it, _invitations.c.expires_at > now))
        if row is None:
            raise InvitationNotFound(invitation_id)
        return _invitation(row)

    async def to_mail(self, now: datetime, limit: int) -> list[Invitation]:
        """Up to `limit` open invitations whose mail is due, whichever organizations they are of."""
        is_due = (_invitations.c.mail_due_at <= now) & (_invitations.c.expires_at > now)
        rows = await self._connection.all(
            select(_invitations).where(is_due).order_by(_invitations.c.mail_due_at).limit(limit)
        )
        return [_invitation(row) for row in rows]

    async def move(self, before: Invitation, after: Invitation, digest: str | None = None) -> bool:
        """Save what became of the mail, and the digest of another token, unless the mail is not as in `before` now."""
        is_still = (_invitations.c.id == before.id) & _invitations.c.mail_due_at.is_not_distinct_from(
            before.mail_due_at
        )
        values = {name: getattr(after, name) for name in ("mail", "mail_error", "mail_due_at")}
        if digest is not None:
            values["digest"] = digest
        return await self._connection.write(update(_invitations).where(is_still).values(values)) > 0

    async def take(self, organization_id: OrganizationId, invitation_id: str) -> Invitation | None:
        """Remove an invitation, for it is accepted or withdrawn; None if there is no such one."""
        is_it = (_invitations.c.organization_id == organization_id) & (_invitations.c.id == invitation_id)
        row = await self._connection.first(select(_invitations).where(is_it))
        if row is None:
            return None
        await self._connection.write(delete(_invitations).where(is_it))
        return _invitation(row)
