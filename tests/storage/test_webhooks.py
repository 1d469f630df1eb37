"""Webhooks as they are stored."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from jinba_mcp.domain import ids
from jinba_mcp.domain.errors import WebhookNotFound
from jinba_mcp.domain.ids import OrganizationId, WebhookId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.webhooks import EventName, Webhook
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, an_organization, moment


def a_webhook(organization_id: OrganizationId, at: datetime = NOW, **changes: object) -> Webhook:
    return Webhook(
        id=ids.webhook_id(at),
        organization_id=organization_id,
        url="https://example.com/hook",
        events=(EventName.MEMBER_ADDED, EventName.TOOLSET_PUBLISHED),
        failure_count=1,
        disabled_at=moment(5),
        sealed="sealed",
        created_at=at,
        updated_at=moment(9),
    ).model_copy(update=changes)


async def stored(store: Store, webhooks: Sequence[Webhook]) -> None:
    async with store.begin() as tx:
        for webhook in webhooks:
            await tx.webhooks.add(webhook)


async def organizations(store: Store) -> tuple[OrganizationId, OrganizationId]:
    acme, other = an_organization("acme"), an_organization("other")
    async with store.begin() as tx:
        await tx.organizations.add(acme)
        await tx.organizations.add(other)
    return acme.id, other.id


async def test_a_webhook_comes_back_as_it_was_stored_and_saved(store: Store) -> None:
    home, _ = await organizations(store)
    webhook = a_webhook(home)
    await stored(store, [webhook])
    changed = webhook.model_copy(update={"url": "https://example.org", "is_enabled": False, "disabled_at": None})
    async with store.begin() as tx:
        assert await tx.webhooks.find(webhook.id) == webhook
        await tx.webhooks.save(changed)
    async with store.begin() as tx:
        assert await tx.webhooks.find(webhook.id) == changed
        await tx.webhooks.remove(webhook.id)
    async with store.read() as tx:
        assert await tx.webhooks.find(webhook.id) is None


async def test_pages_and_counts_are_of_one_organization(store: Store) -> None:
    home, other = await organizations(store)
    ours = [a_webhook(home, moment(number)) for number in range(3)]
    theirs = a_webhook(other)
    await stored(store, [*ours, theirs])
    async with store.read() as tx:
        page = await tx.webhooks.page(home, PageRequest(limit=2))
        rest = await tx.webhooks.page(home, PageRequest(limit=2, after=page.next_cursor))
        assert [*page.items, *rest.items] == ours[::-1]
        assert (await tx.webhooks.count(home), await tx.webhooks.count(other)) == (3, 1)
        assert await tx.webhooks.get(home, ours[0].id) == ours[0]
        with pytest.raises(WebhookNotFound):
            await tx.webhooks.get(home, theirs.id)


async def test_the_enabled_ones_are_found(store: Store) -> None:
    home, other = await organizations(store)
    on, off = a_webhook(home), a_webhook(home, is_enabled=False)
    silent = a_webhook(other, is_enabled=False)
    await stored(store, [on, off, silent])
    async with store.read() as tx:
        assert await tx.webhooks.enabled([home, other]) == [on]
        assert await tx.webhooks.enabled([other]) == []
        assert await tx.webhooks.enabled([]) == []


async def test_all_are_walked_in_batches(store: Store) -> None:
    home, other = await organizations(store)
    webhooks = [a_webhook(home, moment(number)) for number in range(3)] + [a_webhook(other, moment(5))]
    await stored(store, webhooks)
    async with store.read() as tx:
        first = await tx.webhooks.following("", 3)
        assert first == webhooks[:3]
        assert await tx.webhooks.following(first[-1].id, 3) == webhooks[3:]
        assert await tx.webhooks.following(WebhookId("wh_~"), 3) == []
