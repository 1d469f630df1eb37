"""Invitations: a role in an organization, offered to whoever reads the mail of one address."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from jinba_mcp.domain.ids import InvitationId, OrganizationId
from jinba_mcp.domain.records import Record, UtcDateTime
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import Email

LIFETIME = timedelta(days=7)
MAX_PENDING = 200
"""How many may be open in one organization."""

MAILING_S = 300.0
"""How long whoever takes it on itself to mail an invitation has for it, before another does."""


class MailState(StrEnum):
    """What became of a mail."""

    PENDING = "pending"
    SENT = "sent"
    """Taken by the mail server."""
    FAILED = "failed"


class Invitation(Record):
    """An offer without its token, of which only the digest is stored."""

    id: InvitationId
    organization_id: OrganizationId
    email: str
    role: Role
    invited_by: str
    """The user or the key that invited, or `operator`."""
    created_at: UtcDateTime
    expires_at: UtcDateTime
    mail: MailState | None = None
    """None when it is handed over by other means."""
    mail_error: str | None = None
    """Why it could not be sent."""
    mail_due_at: UtcDateTime | None = None
    """When it is to be sent, while that is pending."""

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at <= now

    def to_mail(self, at: datetime) -> Self:
        """To be mailed at that time, again or for the first time."""
        return self.model_copy(update={"mail": MailState.PENDING, "mail_error": None, "mail_due_at": at})

    def mailed(self, error: str | None) -> Self:
        """Mailed, or not, for the reason `error`."""
        state = MailState.SENT if error is None else MailState.FAILED
        return self.model_copy(update={"mail": state, "mail_error": error, "mail_due_at": None})


class Offer(Record):
    """Whom to invite, and as what."""

    email: Email
    role: Role = Role.MEMBER
