"""Deliveries: one event on its way to one webhook, and the only moves that it may make.

pending → delivered | failed. An attempt that fails leaves it pending until the schedule is used up; by hand it may be
made pending again, under the same id.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from jinba_mcp.domain import ids, json_values
from jinba_mcp.domain.ids import DeliveryId, OrganizationId, WebhookId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime
from jinba_mcp.domain.webhooks import TEST, Event, Webhook, body_of

RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""The pauses between attempts (REFERENCE §7)."""
LEASE = timedelta(seconds=60)
"""How long an attempt has a delivery to itself: longer than any attempt may take."""
KEPT_FOR = timedelta(days=30)
MAX_RESPONSE_BYTES = 1_024
"""How much is kept of what a receiver answers."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Attempt(Record):
    """One try: what the receiver answered, or why it did not."""

    at: UtcDateTime
    duration_ms: Annotated[int, Field(ge=0)]
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """2xx and nothing else; redirects are not followed."""
        return self.response_status is not None and 200 <= self.response_status < 300  # noqa: PLR2004  RFC 9110, 15.3


class Delivery(Record):
    """An event that is owed to a webhook. `body` is sent, and signed, letter by letter at each attempt."""

    id: DeliveryId
    organization_id: OrganizationId
    webhook_id: WebhookId
    event: str
    body: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempt_count: Annotated[int, Field(ge=0)] = 0
    """Attempts whose outcome is known."""
    due_at: UtcDateTime | None
    """When the next attempt may begin; None once there is none to come. An attempt puts it off while it lasts, so that
    one that dies with its process is made up for by another."""
    last_attempt: Attempt | None = None
    created_at: UtcDateTime

    @property
    def is_test(self) -> bool:
        """Whether it was only asked for to see what the receiver says; such a one is tried once."""
        return self.event == TEST

    def claimed(self, now: datetime) -> "Delivery":
        """While an attempt is being made."""
        return self.model_copy(update={"status": DeliveryStatus.PENDING, "due_at": now + LEASE})

    def anew(self, now: datetime) -> "Delivery":
        """At the beginning of its schedule once more, and claimed."""
        return self.claimed(now).model_copy(update={"attempt_count": 0})

    def after(self, attempt: Attempt) -> "Delivery":
        """With the outcome of an attempt: done, due again later, or failed for good."""
        count = self.attempt_count + 1
        status, due_at = DeliveryStatus.FAILED, None
        if attempt.succeeded:
            status = DeliveryStatus.DELIVERED
        elif count <= len(RETRY_AFTER) and not self.is_test:
            status, due_at = DeliveryStatus.PENDING, attempt.at + RETRY_AFTER[count - 1]
        return self.model_copy(
            update={"status": status, "due_at": due_at, "attempt_count": count, "last_attempt": attempt}
        )


def owed(webhook: Webhook, event: Event) -> Delivery:
    """What a webhook is owed for an event, due at once."""
    return _delivery(webhook, event.name.value, event.at, event.data)


def trial_of(webhook: Webhook, now: datetime) -> Delivery:
    """A delivery that only shows whether deliveries arrive."""
    return _delivery(webhook, TEST, now, {"webhookId": webhook.id})


def _delivery(webhook: Webhook, name: str, at: datetime, data: JsonObject) -> Delivery:
    return Delivery(
        id=ids.delivery_id(at),
        organization_id=webhook.organization_id,
        webhook_id=webhook.id,
        event=name,
        body=json_values.dump(body_of(name, at, data)),
        due_at=at,
        created_at=at,
    )
