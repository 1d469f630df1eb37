"""The part of the URL table that is about webhooks."""

from jinba_mcp.domain.errors import Conflict, Unavailable
from jinba_mcp.faces.rest import webhooks
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.webhook_schemas import (
    DeliveryOut,
    DeliveryPage,
    IssuedWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
    WebhookPatchIn,
)
from jinba_mcp.faces.rest.wire import PageQuery

_ALL = "/v1/orgs/{org}/webhooks"
_ONE = _ALL + "/{webhookId}"
_DELIVERIES = _ONE + "/deliveries"

_READ, _WRITE = Access.READ, Access.WRITE

_CREATE = (
    "Each event from now on is sent as POST `{event, timestamp, data}` with `X-Webhook-Event`, `X-Webhook-Id` and "
    "`X-Webhook-Signature: sha256=` with the HMAC-SHA256 of the raw body in hex. 2xx within 10 s is success; retries "
    "come after 1, 5 and 30 minutes; 3 deliveries in a row that failed for good disable the webhook. "
    "The secret is in this answer only."
)
_CHANGE = "Enabled again, it starts with a clean slate and goes on with what it has not been delivered yet."
_TEST = "Sends the event `webhook.test` once, now, whether enabled or not; the answer says how that went."
_AGAIN = "Under the same id: once now, which the answer tells of, and if that fails on the usual schedule."

WEBHOOKS: tuple[Operation, ...] = (
    Operation("GET", _ALL, webhooks.page, "List webhooks", "webhooks", _READ, WebhookPage, query=PageQuery),
    Operation("POST", _ALL, webhooks.create, "Create a webhook", "webhooks", _WRITE, IssuedWebhookOut, _CREATE,
              body=WebhookIn, status=201, errors=(Conflict,)),
    Operation("GET", _ONE, webhooks.show, "Get a webhook", "webhooks", _READ, WebhookOut),
    Operation("PATCH", _ONE, webhooks.change, "Change a webhook", "webhooks", _WRITE, WebhookOut, _CHANGE,
              body=WebhookPatchIn),
    Operation("DELETE", _ONE, webhooks.remove, "Delete a webhook", "webhooks", _WRITE, None,
              "With its deliveries; what has not arrived yet never will.", status=204),
    Operation("POST", _ONE + "/rotate", webhooks.rotate, "Give a webhook a new secret", "webhooks", _WRITE,
              IssuedWebhookOut, "The secret is in this answer only, and signs every attempt from now on.", status=201),
    Operation("POST", _ONE + "/test", webhooks.test, "Test a webhook", "webhooks", _WRITE, DeliveryOut, _TEST,
              errors=(Unavailable,)),
    Operation("GET", _DELIVERIES, webhooks.deliveries, "List deliveries", "webhooks", _READ, DeliveryPage,
              "Of the last 30 days.", PageQuery),
    Operation("POST", _DELIVERIES + "/{deliveryId}/redeliver", webhooks.redeliver, "Deliver anew", "webhooks", _WRITE,
              DeliveryOut, _AGAIN, errors=(Conflict, Unavailable)),
)  # fmt: skip
