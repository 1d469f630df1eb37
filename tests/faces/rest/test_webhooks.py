"""Webhooks over REST: from creation to removal, their secrets, and what became of their deliveries."""

from typing import Any

import pytest

from jinba_mcp.domain.webhooks import EventName
from tests.faces.rest.conftest import Rest

HOOKS = "/v1/orgs/default/webhooks"
BODY = {"url": "https://example.com/hook", "events": ["member.added", "tool.run.failed", "member.added"]}


async def created(rest: Rest, **changes: Any) -> dict[str, Any]:
    answer = await rest.ask("POST", HOOKS, "write", json={**BODY, **changes})
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


async def test_a_webhook_is_created_shown_changed_and_deleted(rest: Rest) -> None:
    made = await created(rest)
    assert made.pop("secret").startswith("whsec_")
    assert made == {
        "id": made["id"],
        "organizationId": made["organizationId"],
        "url": "https://example.com/hook",
        "events": ["tool.run.failed", "member.added"],
        "enabled": True,
        "failureCount": 0,
        "disabledAt": None,
        "createdAt": "2026-11-21T12:00:00.000Z",
        "updatedAt": "2026-11-21T12:00:00.000Z",
    }
    one = f"{HOOKS}/{made['id']}"
    assert (await rest.ask("GET", one, "read")).json() == made
    assert (await rest.ask("GET", HOOKS, "read")).json() == {"data": [made], "nextCursor": None}
    changed = (await rest.ask("PATCH", one, "write", json={"enabled": False, "events": ["member.removed"]})).json()
    assert changed == {**made, "enabled": False, "events": ["member.removed"]}
    assert (await rest.ask("DELETE", one, "write")).status_code == 204
    assert (await rest.ask("GET", one, "read")).json()["code"] == "webhook.not_found"


async def test_the_secret_is_shown_at_creation_and_rotation_and_never_else(rest: Rest) -> None:
    made = await created(rest)
    one = f"{HOOKS}/{made['id']}"
    rotated = await rest.ask("POST", one + "/rotate", "write")
    assert rotated.status_code == 201
    assert rotated.json()["secret"] not in ("", made["secret"])
    for path in (HOOKS, one):
        assert "whsec_" not in (await rest.ask("GET", path, "read")).text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BODY, "events": []},
        {**BODY, "events": ["webhook.test"]},
        {**BODY, "events": ["member.added"] * (len(EventName) + 1)},
        {**BODY, "url": ""},
        {**BODY, "url": "https://example.com/" + "x" * 2_000},
        {**BODY, "secret": "mine"},
    ],
)
async def test_a_body_that_is_none_is_refused(rest: Rest, body: dict[str, Any]) -> None:
    assert (await rest.ask("POST", HOOKS, "write", json=body)).status_code == 400
    assert (await rest.ask("GET", HOOKS, "read")).json()["data"] == []


async def test_a_test_and_its_redelivery_are_answered_and_logged(rest: Rest) -> None:
    one = f"{HOOKS}/{(await created(rest))['id']}"
    tested = (await rest.ask("POST", one + "/test", "write")).json()
    assert (tested["event"], tested["status"], tested["attemptCount"]) == ("webhook.test", "failed", 1)
    assert tested["body"]["event"] == "webhook.test"
    assert tested["lastAttempt"]["error"] == "webhook.test was not sent: nothing is sent from here"
    log = one + "/deliveries"
    assert (await rest.ask("GET", log, "read")).json() == {"data": [tested], "nextCursor": None}
    again = await rest.ask("POST", f"{log}/{tested['id']}/redeliver", "write")
    assert (again.status_code, again.json()["id"]) == (200, tested["id"])
    missing = await rest.ask("POST", f"{log}/dlv_none/redeliver", "write")
    assert (missing.status_code, missing.json()["code"]) == (404, "delivery.not_found")


async def test_what_is_still_on_its_way_is_not_sent_anew(rest: Rest) -> None:
    one = f"{HOOKS}/{(await created(rest, events=['toolset.published']))['id']}"
    await rest.push()
    (waiting,) = (await rest.ask("GET", one + "/deliveries", "read")).json()["data"]
    shown = (waiting["event"], waiting["status"], waiting["lastAttempt"], waiting["nextAttemptAt"])
    assert shown == ("toolset.published", "pending", None, "2026-11-21T12:00:00.000Z")
    refused = await rest.ask("POST", f"{one}/deliveries/{waiting['id']}/redeliver", "write")
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery.pending")
