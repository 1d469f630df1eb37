"""Webhooks through the client; and signatures on the receiver's side: what is right is taken, anything else is not."""

import pytest

from jinba_mcp.client import NotFound
from jinba_mcp.client.webhooks import verify_signature
from jinba_mcp.domain.webhooks import signature
from tests.client.conftest import Open

URL = "https://example.com/hook"

SECRET = "whsec_of_this_test"
BODY = b'{"event":"member.added"}'
RIGHT = "sha256=" + "0" * 64


def test_the_servers_signature_is_right() -> None:
    assert verify_signature(BODY, signature(BODY, SECRET), SECRET)


def test_a_known_signature_of_rfc_4231_is_right() -> None:
    known = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert verify_signature(b"what do ya want for nothing?", known, "Jefe")


@pytest.mark.parametrize("given", ["", "sha256=", RIGHT, "sha256=é", "\ud800", signature(BODY, "other")])
def test_anything_else_is_wrong(given: str) -> None:
    assert not verify_signature(BODY, given, SECRET)


def test_another_body_and_another_secret_are_wrong() -> None:
    right = signature(BODY, SECRET)
    assert not verify_signature(BODY + b"\n", right, SECRET)
    assert not verify_signature(BODY, right, SECRET + "x")
    assert not verify_signature(BODY, right.removeprefix("sha256="), SECRET)


async def test_a_webhook_lives_through_the_client(opened: Open) -> None:
    async with opened("read", "write") as jinba:
        made = await jinba.webhooks.create(URL, ["member.added"], enabled=False)
        assert (made["enabled"], made["secret"][:6]) == (False, "whsec_")
        assert [each["id"] async for each in jinba.webhooks.list(limit=1)] == [made["id"]]
        changed = await jinba.webhooks.change(made["id"], enabled=True, events=["member.added", "member.removed"])
        assert (changed["url"], changed["enabled"], len(changed["events"])) == (URL, True, 2)
        assert (await jinba.webhooks.change(made["id"], url=URL + "s"))["events"] == changed["events"]
        assert (await jinba.webhooks.get(made["id"]))["url"] == URL + "s"
        assert (await jinba.webhooks.rotate(made["id"]))["secret"] != made["secret"]
        await jinba.webhooks.delete(made["id"])
        with pytest.raises(NotFound):
            await jinba.webhooks.get(made["id"])


async def test_deliveries_are_tried_listed_and_repeated(opened: Open) -> None:
    async with opened("read", "write") as jinba:
        webhook_id = (await jinba.webhooks.create(URL, ["member.added"]))["id"]
        tried = await jinba.webhooks.test(webhook_id)
        assert tried["event"] == "webhook.test"
        assert [each["id"] async for each in jinba.webhooks.deliveries(webhook_id, limit=1)] == [tried["id"]]
        assert (await jinba.webhooks.deliveries_page(webhook_id))["nextCursor"] is None
        assert (await jinba.webhooks.redeliver(webhook_id, tried["id"]))["id"] == tried["id"]
        with pytest.raises(NotFound):
            await jinba.webhooks.redeliver(webhook_id, "dlv_none")
