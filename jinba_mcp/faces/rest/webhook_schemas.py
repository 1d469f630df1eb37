"""The wire forms of webhooks and their deliveries."""

from typing import Annotated, Any

from pydantic import Field, StrictBool

from jinba_mcp.core.webhooks import IssuedWebhook, WebhookChanges, WebhookTerms
from jinba_mcp.domain import json_values
from jinba_mcp.domain.deliveries import Attempt, Delivery, DeliveryStatus
from jinba_mcp.domain.webhooks import MAX_URL_LENGTH, URL_PATTERN, EventName, Webhook
from jinba_mcp.faces.rest.wire import In, Instant, Out, PageOut, PatchIn, WithoutNul

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        examples=["https://example.com/hooks/jinba"],
        json_schema_extra={"pattern": URL_PATTERN},
    ),
    WithoutNul(),
]
Events = Annotated[tuple[EventName, ...], Field(min_length=1, max_length=len(EventName))]


class WebhookIn(In):
    """Where to send which events."""

    url: Url
    events: Events
    enabled: StrictBool = True

    def terms(self) -> WebhookTerms:
        return WebhookTerms(url=self.url, events=_each_once(self.events), is_enabled=self.enabled)


class WebhookPatchIn(PatchIn):
    """What is to be another; what is not given stays as it is."""

    url: Url | None = None
    events: Events | None = None
    enabled: StrictBool | None = None

    def changes(self) -> WebhookChanges:
        events = None if self.events is None else _each_once(self.events)
        return WebhookChanges(url=self.url, events=events, is_enabled=self.enabled)


class WebhookOut(Out):
    """A webhook without its secret."""

    id: str
    organization_id: str
    url: str
    events: list[EventName]
    enabled: bool
    failure_count: Annotated[int, Field(description="Deliveries in a row that failed for good; the third disables it.")]
    disabled_at: Annotated[Instant | None, Field(description="When the server disabled it; null if it did not.")]
    created_at: Instant
    updated_at: Instant


class IssuedWebhookOut(WebhookOut):
    """A webhook with its secret, which is shown this once."""

    secret: Annotated[str, Field(examples=["whsec_…"])]


class WebhookPage(PageOut[WebhookOut]):
    """Webhooks, newest first."""


class AttemptOut(Out):
    """One try: what the receiver answered, or why it did not."""

    at: Instant
    duration_ms: int
    response_status: int | None
    response_body: Annotated[str | None, Field(description="At most its first 1024 bytes.")]
    error: str | None


class DeliveryOut(Out):
    """One event on its way to one webhook."""

    id: Annotated[str, Field(description="What receivers see as X-Webhook-Id, the same at each attempt.")]
    event: str
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: Annotated[Instant | None, Field(description="At the earliest; null once there is none to come.")]
    last_attempt: AttemptOut | None
    body: Annotated[dict[str, Any], Field(description="What is sent: `{event, timestamp, data}`.")]
    created_at: Instant


class DeliveryPage(PageOut[DeliveryOut]):
    """Deliveries, newest first."""


def webhook_out(record: Webhook) -> WebhookOut:
    return WebhookOut(**_fields(record))


def issued_webhook_out(issued: IssuedWebhook) -> IssuedWebhookOut:
    return IssuedWebhookOut(**_fields(issued.webhook), secret=issued.secret)


def delivery_out(record: Delivery) -> DeliveryOut:
    body = json_values.parse(record.body)
    return DeliveryOut(
        id=record.id,
        event=record.event,
        status=record.status,
        attempt_count=record.attempt_count,
        next_attempt_at=record.due_at,
        last_attempt=None if record.last_attempt is None else _attempt_out(record.last_attempt),
        body=body if isinstance(body, dict) else {},
        created_at=record.created_at,
    )


def _attempt_out(attempt: Attempt) -> AttemptOut:
    return AttemptOut(**attempt.model_dump())


def _fields(record: Webhook) -> dict[str, Any]:
    return {**record.model_dump(exclude={"sealed", "is_enabled"}), "enabled": record.is_enabled}


def _each_once(events: tuple[EventName, ...]) -> tuple[EventName, ...]:
    return tuple(name for name in EventName if name in events)
