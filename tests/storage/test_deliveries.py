"""Deliveries as they are stored: owed, claimed, moved on, paged and removed."""

from datetime import timedelta

import pytest

from jinba_mcp.domain import webhooks
from jinba_mcp.domain.deliveries import LEASE, Attempt, Delivery, DeliveryStatus, owed, trial_of
from jinba_mcp.domain.errors import DeliveryNotFound
from jinba_mcp.domain.ids import UserId, WebhookId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.webhooks import Event, EventName, Webhook
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, moment
from tests.storage.test_webhooks import a_webhook, organizations, stored

ATTEMPT = Attempt(at=NOW, duration_ms=7, response_status=500, response_body='not\x00 "now"', error=None)


def an_event(webhook: Webhook, seconds: float = 0) -> Event:
    return webhooks.member_added(webhook.organization_id, UserId("user_1"), "é@x.org", Role.MEMBER, moment(seconds))


async def added(store: Store, webhook: Webhook, *seconds: float) -> list[Delivery]:
    new = [owed(webhook, an_event(webhook, each)) for each in seconds]
    async with store.begin() as tx:
        for delivery in new:
            await tx.deliveries.add(delivery)
    return new


async def a_stored_webhook(store: Store) -> Webhook:
    home, _ = await organizations(store)
    webhook = a_webhook(home, disabled_at=None)
    await stored(store, [webhook])
    return webhook


async def test_events_are_owed_to_those_who_want_them(store: Store) -> None:
    home, other = await organizations(store)
    wants, off = a_webhook(home), a_webhook(home, is_enabled=False)
    else_, theirs = a_webhook(home, events=(EventName.MEMBER_REMOVED,)), a_webhook(other)
    await stored(store, [wants, off, else_, theirs])
    async with store.begin() as tx:
        await tx.deliveries.owe([])
        await tx.deliveries.owe([an_event(wants), an_event(wants, 1)])
    async with store.read() as tx:
        pages = [await tx.deliveries.page(each.id, PageRequest()) for each in (wants, off, else_, theirs)]
    assert [len(page.items) for page in pages] == [2, 0, 0, 0]
    assert [delivery.due_at for delivery in pages[0].items] == [moment(1), moment(0)]


async def test_a_delivery_comes_back_as_it_was_stored_and_moved(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    (delivery,) = await added(store, webhook, 0)
    moved = delivery.after(ATTEMPT)
    async with store.begin() as tx:
        assert await tx.deliveries.get(webhook.id, delivery.id) == delivery
        assert await tx.deliveries.move(delivery, moved)
        assert await tx.deliveries.get(webhook.id, delivery.id) == moved
        with pytest.raises(DeliveryNotFound):
            await tx.deliveries.get(WebhookId("wh_other"), delivery.id)


async def test_a_move_is_made_once_and_from_the_state_that_it_was_thought_of(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    (delivery,) = await added(store, webhook, 0)
    ended = trial_of(webhook, NOW).after(ATTEMPT)
    async with store.begin() as tx:
        await tx.deliveries.add(ended)
        assert await tx.deliveries.move(delivery, delivery.claimed(moment(3)))
        assert not await tx.deliveries.move(delivery, delivery.after(ATTEMPT))
        assert await tx.deliveries.move(ended, ended.anew(moment(3)))
        assert not await tx.deliveries.move(ended, ended.anew(moment(4)))
        assert (await tx.deliveries.get(webhook.id, delivery.id)).due_at == moment(3) + LEASE


async def test_what_is_due_is_claimed_in_order_and_then_is_not_due(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    first, second, third, later = await added(store, webhook, 1, 2, 3, 60)
    async with store.begin() as tx:
        taken = await tx.deliveries.claim(webhook.id, moment(3), 2)
        assert taken == [first.claimed(moment(3)), second.claimed(moment(3))]
        assert await tx.deliveries.claim(webhook.id, moment(3), 9) == [third.claimed(moment(3))]
        assert await tx.deliveries.claim(webhook.id, moment(3), 9) == []
        assert await tx.deliveries.get(webhook.id, first.id) == taken[0]
    after_lease = moment(3) + LEASE
    async with store.begin() as tx:
        claimed = await tx.deliveries.claim(webhook.id, after_lease, 9)
    assert {each.id for each in claimed} == {first.id, second.id, third.id, later.id}


async def test_whoever_waits_longest_is_first_and_the_busy_and_the_disabled_are_left_out(store: Store) -> None:
    home, other = await organizations(store)
    hooks = [a_webhook(home), a_webhook(other), a_webhook(home, is_enabled=False), a_webhook(home)]
    await stored(store, hooks)
    quick, slow, off, idle = hooks
    await added(store, slow, 5)
    await added(store, quick, 1, 9)
    await added(store, off, 0)
    (done,) = await added(store, idle, 0)
    async with store.begin() as tx:
        await tx.deliveries.move(done, done.after(ATTEMPT.model_copy(update={"response_status": 204})))
    async with store.read() as tx:
        assert await tx.deliveries.waiting(moment(4), [], 9) == [quick]
        assert await tx.deliveries.waiting(moment(5), [], 9) == [quick, slow]
        assert await tx.deliveries.waiting(moment(5), [], 1) == [quick]
        assert await tx.deliveries.waiting(moment(5), [quick.id], 9) == [slow]
        assert await tx.deliveries.waiting(moment(0), [], 9) == []


async def test_pages_are_of_one_webhook_newest_first(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    other = a_webhook(webhook.organization_id)
    await stored(store, [other])
    new = await added(store, webhook, 1, 2, 3)
    await added(store, other, 4)
    async with store.read() as tx:
        page = await tx.deliveries.page(webhook.id, PageRequest(limit=2))
        rest = await tx.deliveries.page(webhook.id, PageRequest(limit=2, after=page.next_cursor))
    assert [*page.items, *rest.items] == new[::-1]


async def test_the_oldest_are_removed_in_batches(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    other = a_webhook(webhook.organization_id)
    await stored(store, [other])
    await added(store, webhook, 1, 2, 3, 10)
    await added(store, other, 1)
    async with store.begin() as tx:
        counts = [await tx.deliveries.remove_older(webhook.id, moment(10), 2) for _ in range(3)]
        assert counts == [2, 1, 0]
        assert await tx.deliveries.remove_older(other.id, None, 9) == 1
        left = (await tx.deliveries.page(webhook.id, PageRequest())).items
    assert [each.created_at for each in left] == [moment(10)]
    assert left[0].status is DeliveryStatus.PENDING


async def test_every_webhook_with_deliveries_is_walked_the_gone_ones_too(store: Store) -> None:
    webhook = await a_stored_webhook(store)
    gone = a_webhook(webhook.organization_id, NOW + timedelta(days=1))
    await added(store, webhook, 1, 2)
    await added(store, gone, 3)
    async with store.read() as tx:
        assert await tx.deliveries.next_webhook(None) == webhook.id
        assert await tx.deliveries.next_webhook(webhook.id) == gone.id
        assert await tx.deliveries.next_webhook(gone.id) is None
