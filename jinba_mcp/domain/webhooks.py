"""Webhooks: who is told of what happens in an organization, and the events there are."""

import hashlib
import hmac
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId, UserId, WebhookId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime, rfc3339
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.versions import Version

MAX_WEBHOOKS = 50
"""Of an organization."""
MAX_URL_LENGTH = 2_000
URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[\x21-\x7e]+$"
"""Of what may be one; where it leads is looked at besides, and without TLS only to hosts that the operator names."""
DISABLED_AFTER = 3
"""So many deliveries in a row that failed for good disable a webhook (REFERENCE §7)."""
SECRET_PREFIX = "whsec_"  # noqa: S105  what every secret begins with
TEST = "webhook.test"
"""The event that is sent on request, to one webhook, whatever that one asks for."""
_MAX_MESSAGE_CHARS = 2_000


class EventName(StrEnum):
    """What a webhook may ask for."""

    TOOL_RUN_COMPLETED = "tool.run.completed"
    TOOL_RUN_FAILED = "tool.run.failed"
    """Runs that failed, took too long or were cancelled."""
    TOOLSET_PUBLISHED = "toolset.published"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"


class Event(Record):
    """Something that happened in an organization, as its webhooks hear of it."""

    organization_id: OrganizationId
    name: EventName
    at: UtcDateTime
    data: JsonObject


class Webhook(Record):
    """Where to send which events. Its secret is sealed, and shown on creation and rotation only."""

    id: WebhookId
    organization_id: OrganizationId
    url: Annotated[str, Field(max_length=MAX_URL_LENGTH)]
    events: tuple[EventName, ...]
    is_enabled: bool = True
    failure_count: Annotated[int, Field(ge=0)] = 0
    """Deliveries in a row that failed for good."""
    disabled_at: UtcDateTime | None = None
    """When the server gave it up; None if it did not."""
    sealed: str
    created_at: UtcDateTime
    updated_at: UtcDateTime

    def wants(self, event: Event) -> bool:
        """Whether the event is owed to it. What happened before it was made is not."""
        return self.is_enabled and event.name in self.events and event.at >= self.created_at

    def enabled(self, *, is_enabled: bool) -> "Webhook":
        """Turned on, with a clean slate, or off."""
        return self.model_copy(update={"is_enabled": is_enabled, "failure_count": 0, "disabled_at": None})

    def failed(self, at: datetime) -> "Webhook":
        """After one more delivery that failed for good, which may have been one too many."""
        count = self.failure_count + 1
        if count < DISABLED_AFTER or not self.is_enabled:
            return self.model_copy(update={"failure_count": count})
        return self.model_copy(update={"failure_count": count, "is_enabled": False, "disabled_at": at})


def new_secret() -> str:
    """A fresh secret for signatures: 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def signature(body: bytes, secret: str) -> str:
    """What `X-Webhook-Signature` says of a body: `sha256=` and the HMAC-SHA256 (RFC 2104) of its bytes, in hex."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def run_ended(ending: Ending) -> Event:
    """A run that has ended, as it is on record: truncated and redacted."""
    at = ending.finished_at or ending.created_at
    started_at = ending.started_at
    data: JsonObject = {
        "runId": ending.id,
        "toolSetSlug": ending.toolset_slug,
        "toolSlug": ending.tool_slug,
        "status": ending.status.value,
        "durationMs": None if started_at is None else max(0, round((at - started_at).total_seconds() * 1000)),
    }
    if ending.status is RunStatus.SUCCESS:
        return Event(organization_id=ending.organization_id, name=EventName.TOOL_RUN_COMPLETED, at=at, data=data)
    if ending.error is not None:
        data["error"] = {"name": ending.error.name, "message": ending.error.message[:_MAX_MESSAGE_CHARS]}
    return Event(organization_id=ending.organization_id, name=EventName.TOOL_RUN_FAILED, at=at, data=data)


def toolset_published(organization_id: OrganizationId, slug: str, version: Version) -> Event:
    """A version that was published."""
    data: JsonObject = {
        "toolSetSlug": slug,
        "version": version.number,
        "publishedBy": version.published_by,
        "releaseNotes": version.release_notes,
    }
    return Event(organization_id=organization_id, name=EventName.TOOLSET_PUBLISHED, at=version.created_at, data=data)


def member_added(organization_id: OrganizationId, user_id: UserId, email: str, role: Role, at: datetime) -> Event:
    """A user who became a member."""
    data: JsonObject = {"userId": user_id, "email": email, "role": role.value}
    return Event(organization_id=organization_id, name=EventName.MEMBER_ADDED, at=at, data=data)


def member_removed(organization_id: OrganizationId, user_id: UserId, at: datetime) -> Event:
    """A user who is no member any more."""
    return Event(organization_id=organization_id, name=EventName.MEMBER_REMOVED, at=at, data={"userId": user_id})


def body_of(name: str, at: datetime, data: JsonObject) -> JsonObject:
    """What receivers are sent (REFERENCE §7)."""
    return {"event": name, "timestamp": rfc3339(at), "data": data}
