"""The wire forms of webhooks and deliveries."""

import pytest

from jinba_mcp.core.webhooks import IssuedWebhook, WebhookChanges, WebhookTerms
from jinba_mcp.domain.deliveries import Attempt, owed
from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.webhooks import MAX_URL_LENGTH, EventName
from jinba_mcp.faces.rest.webhook_schemas import (
    WebhookIn,
    WebhookPatchIn,
    delivery_out,
    issued_webhook_out,
    webhook_out,
)
from tests.domain.test_webhooks import NOW, REMOVED, a_webhook

URL = "https://example.com"


def test_a_body_becomes_terms_with_each_event_once() -> None:
    body = WebhookIn.read({"url": URL, "events": ["member.removed", "member.added", "member.removed"]})
    events = (EventName.MEMBER_ADDED, EventName.MEMBER_REMOVED)
    assert body.terms() == WebhookTerms(url=URL, events=events, is_enabled=True)


def test_a_patch_is_only_what_was_given() -> None:
    assert WebhookPatchIn.read({}).changes() == WebhookChanges()
    assert WebhookPatchIn.read({"enabled": False}).changes() == WebhookChanges(is_enabled=False)
    given = WebhookPatchIn.read({"url": URL, "events": ["member.added"]}).changes()
    assert given == WebhookChanges(url=URL, events=(EventName.MEMBER_ADDED,))


def test_only_an_issued_webhook_shows_a_secret_and_none_what_is_sealed() -> None:
    webhook = a_webhook(sealed="the sealed secret")
    shown = webhook_out(webhook).model_dump_json(by_alias=True)
    assert "ecret" not in shown
    issued = issued_webhook_out(IssuedWebhook(webhook, "whsec_1")).model_dump(by_alias=True)
    assert issued["secret"] == "whsec_1"
    assert "sealed" not in issued


def test_a_delivery_shows_its_body_and_its_last_attempt() -> None:
    attempt = Attempt(at=NOW, duration_ms=3, response_status=500, response_body="no")
    shown = delivery_out(owed(a_webhook(), REMOVED).after(attempt)).model_dump(mode="json", by_alias=True)
    assert shown["body"]["data"] == {"userId": "user_1"}
    assert shown["lastAttempt"] == {
        "at": "2026-11-21T12:00:00.000Z",
        "durationMs": 3,
        "responseStatus": 500,
        "responseBody": "no",
        "error": None,
    }
    assert shown["nextAttemptAt"] == "2026-11-21T12:01:00.000Z"


def test_an_address_may_be_as_long_as_the_document_says() -> None:
    longest = URL + "/" + "x" * (MAX_URL_LENGTH - len(URL) - 1)
    assert WebhookIn.read({"url": longest, "events": ["member.added"]}).url == longest
    assert WebhookIn.model_json_schema()["properties"]["url"]["maxLength"] == len(longest)
    with pytest.raises(FieldsInvalid):
        WebhookIn.read({"url": longest + "x", "events": ["member.added"]})


@pytest.mark.parametrize(
    ("url", "is_one"), [(URL, True), ("HTTP://10.0.0.8:8080/a?b", True), ("ftp://a", False), ("https://a b", False)]
)
def test_the_document_says_what_an_address_looks_like(url: str, is_one: bool) -> None:  # noqa: FBT001  a row
    assert (Validator(WebhookIn.model_json_schema()["properties"]["url"]).faults(url) == []) is is_one


@pytest.mark.parametrize("enabled", [0, 1, "no", "true"])
def test_only_a_boolean_enables(enabled: object) -> None:
    with pytest.raises(FieldsInvalid):
        WebhookPatchIn.read({"enabled": enabled})  # type: ignore[dict-item]  # any object is the point
    with pytest.raises(FieldsInvalid):
        WebhookIn.read({"url": URL, "events": ["member.added"], "enabled": enabled})  # type: ignore[dict-item]  # likewise
