"""Webhooks: where events are sent, what became of each; and on the receiver's side, whether the server sent it."""

import hashlib
import hmac
from collections.abc import Sequence

from jinba_mcp.client.calls import Call, Page, document, given, json_content, nothing, page, path, query_of
from jinba_mcp.client.documents import Delivery, EventName, IssuedWebhook, Webhook
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def verify_signature(body: bytes, signature: str, secret: str) -> bool:
    """Whether `X-Webhook-Signature` is that of the raw body under the webhook's secret; in constant time.

    `body` is what came over the wire, byte by byte: JSON that was read and written again is another one. `signature` is
    `sha256=` and the HMAC-SHA256 (RFC 2104) in hex.
    """
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    # As bytes, since text with other characters than ASCII cannot be compared in constant time.
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _page(*, limit: int | None = None, organization: str | None = None) -> Call[Page[Webhook]]:
    """Every webhook, newest first; `limit` is per request, 200 at most."""
    return Call("GET", "/webhooks", page, organization=organization, query=query_of(limit=limit))


def _get(webhook_id: str, *, organization: str | None = None) -> Call[Webhook]:
    """A webhook without its secret."""
    return Call("GET", path("webhooks", webhook_id), document, organization=organization)


def _create(
    url: str, events: Sequence[EventName], *, enabled: bool = True, organization: str | None = None
) -> Call[IssuedWebhook]:
    """Have events sent to a URL from now on; the secret that signs them is in this answer only."""
    sent = json_content({"url": url, "events": list(events), "enabled": enabled})
    return Call("POST", "/webhooks", document, organization=organization, **sent)


def _change(
    webhook_id: str,
    *,
    url: str | None = None,
    events: Sequence[EventName] | None = None,
    enabled: bool | None = None,
    organization: str | None = None,
) -> Call[Webhook]:
    """Replace what is given; enabled again, it goes on with what it has not been delivered yet."""
    sent = json_content(given(url=url, events=None if events is None else list(events), enabled=enabled))
    return Call("PATCH", path("webhooks", webhook_id), document, organization=organization, **sent)


def _rotate(webhook_id: str, *, organization: str | None = None) -> Call[IssuedWebhook]:
    """Give a webhook a new secret, which signs every attempt from now on."""
    return Call("POST", path("webhooks", webhook_id, "rotate"), document, organization=organization)


def _delete(webhook_id: str, *, organization: str | None = None) -> Call[None]:
    """Delete a webhook with its deliveries; what has not arrived yet never will."""
    return Call("DELETE", path("webhooks", webhook_id), nothing, organization=organization)


def _test(webhook_id: str, *, organization: str | None = None) -> Call[Delivery]:
    """Send the event `webhook.test` once, now; the answer says how that went."""
    return Call("POST", path("webhooks", webhook_id, "test"), document, organization=organization)


def _deliveries(
    webhook_id: str, *, cursor: str | None = None, limit: int | None = None, organization: str | None = None
) -> Call[Page[Delivery]]:
    """What was sent in the last 30 days, newest first; `limit` is per request, 200 at most.

    `cursor` is the `nextCursor` of a page to go on from.
    """
    where = path("webhooks", webhook_id, "deliveries")
    return Call("GET", where, page, organization=organization, query=query_of(cursor=cursor, limit=limit))


def _redeliver(webhook_id: str, delivery_id: str, *, organization: str | None = None) -> Call[Delivery]:
    """Send a delivery that has ended anew, under the same id; the answer says how that went."""
    where = path("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
    return Call("POST", where, document, organization=organization)


class Webhooks(Noun):
    """The webhooks of an organization."""

    list = EachNow(_page)
    get = Now(_get)
    create = Now(_create)
    change = Now(_change)
    rotate = Now(_rotate)
    delete = Now(_delete)
    test = Now(_test)
    deliveries = EachNow(_deliveries)
    deliveries_page = Now(_deliveries)
    redeliver = Now(_redeliver)


class AsyncWebhooks(AsyncNoun):
    """The webhooks of an organization."""

    list = EachLater(_page)
    get = Later(_get)
    create = Later(_create)
    change = Later(_change)
    rotate = Later(_rotate)
    delete = Later(_delete)
    test = Later(_test)
    deliveries = EachLater(_deliveries)
    deliveries_page = Later(_deliveries)
    redeliver = Later(_redeliver)
