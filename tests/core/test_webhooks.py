"""Webhooks: made, changed, rotated and removed by whoever may write, and audited; their secrets are shown once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.webhooks import WebhookChanges, WebhookTerms, place
from jinba_mcp.domain.audit import AuditEntry
from jinba_mcp.domain.errors import Conflict, FieldsInvalid, NarrowingExceeded, WebhookNotFound
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.webhooks import MAX_WEBHOOKS, EventName
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.transaction import Transaction
from tests.worlds import World

URL = "https://example.com/hook"
TERMS = WebhookTerms(url=URL, events=(EventName.TOOLSET_PUBLISHED,))


async def audited(world: World) -> list[AuditEntry]:
    organization_id = (await world.core.organizations.get(world.operator, "default")).id
    async with world.store.read() as tx:
        entries = await tx.audit.following(organization_id, 0, 200)
    return [entry for entry in entries if entry.action.startswith("webhook.")]


async def test_a_webhook_is_made_listed_changed_and_removed(world: World) -> None:
    writer, reader = await world.key(Scope.WRITE), await world.key(Scope.READ)
    issued = await world.core.webhooks.create(writer, "default", TERMS)
    assert issued.secret.startswith("whsec_")
    webhook = issued.webhook
    assert await world.core.webhooks.get(reader, "default", webhook.id) == webhook
    assert (await world.core.webhooks.page(reader, "default", PageRequest())).items == (webhook,)
    world.clock.advance(seconds=1)
    wanted = WebhookChanges(url=URL + "/2", events=(EventName.MEMBER_ADDED,))
    changed = await world.core.webhooks.change(writer, "default", webhook.id, wanted)
    assert (changed.url, changed.events, changed.is_enabled) == (URL + "/2", (EventName.MEMBER_ADDED,), True)
    assert changed.updated_at == world.clock.now
    await world.core.webhooks.remove(writer, "default", webhook.id)
    with pytest.raises(WebhookNotFound):
        await world.core.webhooks.get(reader, "default", webhook.id)


async def test_the_secret_is_sealed_and_a_rotation_makes_another(world: World, keyring: Keyring) -> None:
    issued = await world.core.webhooks.create(world.operator, "default", TERMS)
    assert issued.secret not in issued.webhook.model_dump_json()
    assert keyring.open(issued.webhook.sealed, place(issued.webhook.id)) == issued.secret
    rotated = await world.core.webhooks.rotate(world.operator, "default", issued.webhook.id)
    assert rotated.secret != issued.secret
    stored = await world.core.webhooks.get(world.operator, "default", issued.webhook.id)
    assert keyring.open(stored.sealed, place(stored.id)) == rotated.secret


async def test_a_new_secret_key_opens_the_webhooks_secrets_too(world: World, keyring: Keyring) -> None:
    issued = await world.core.webhooks.create(world.operator, "default", TERMS)
    assert (await world.core.env.rotate(world.operator)).resealed_count == 1
    stored = await world.core.webhooks.get(world.operator, "default", issued.webhook.id)
    assert stored.sealed != issued.webhook.sealed
    assert keyring.open(stored.sealed, place(stored.id)) == issued.secret
    assert await world.core.webhooks.reseal() == 0


async def test_a_secret_that_waits_to_be_stored_while_the_servers_key_is_rotated_opens_all_the_same(
    world: World, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Store.begin

    @asynccontextmanager
    async def overtaken(store: Store) -> AsyncIterator[Transaction]:
        monkeypatch.undo()
        await world.core.env.rotate(world.operator)
        async with begin(store) as tx:
            yield tx

    monkeypatch.setattr(Store, "begin", overtaken)
    made = await world.core.webhooks.create(world.operator, "default", TERMS)
    assert keyring.open(made.webhook.sealed, place(made.webhook.id)) == made.secret
    monkeypatch.setattr(Store, "begin", overtaken)
    rotated = await world.core.webhooks.rotate(world.operator, "default", made.webhook.id)
    assert keyring.open(rotated.webhook.sealed, place(made.webhook.id)) == rotated.secret


async def test_every_change_is_audited_without_the_secret(world: World) -> None:
    issued = await world.core.webhooks.create(world.operator, "default", TERMS)
    rotated = await world.core.webhooks.rotate(world.operator, "default", issued.webhook.id)
    await world.core.webhooks.change(world.operator, "default", issued.webhook.id, WebhookChanges(is_enabled=False))
    await world.core.webhooks.remove(world.operator, "default", issued.webhook.id)
    entries = await audited(world)
    happened = ["webhook.created", "webhook.rotated", "webhook.changed", "webhook.deleted"]
    assert [entry.action for entry in entries] == happened
    assert all(entry.target == issued.webhook.id for entry in entries)
    after: Any = entries[2].after
    assert after["isEnabled"] is False
    text = "".join(entry.model_dump_json() for entry in entries)
    assert issued.secret not in text
    assert rotated.secret not in text


async def test_a_url_that_nothing_is_taken_to_is_refused(world: World) -> None:
    webhook = (await world.core.webhooks.create(world.operator, "default", TERMS)).webhook
    http = "http://example.com"
    with pytest.raises(FieldsInvalid):
        await world.core.webhooks.create(world.operator, "default", TERMS.model_copy(update={"url": http}))
    with pytest.raises(FieldsInvalid):
        await world.core.webhooks.change(world.operator, "default", webhook.id, WebhookChanges(url=http))
    assert (await world.core.webhooks.get(world.operator, "default", webhook.id)).url == URL


async def test_an_organization_has_so_many_and_no_more(world: World) -> None:
    for _ in range(MAX_WEBHOOKS):
        await world.core.webhooks.create(world.operator, "default", TERMS)
    with pytest.raises(Conflict):
        await world.core.webhooks.create(world.operator, "default", TERMS)
    await world.core.webhooks.create(await world.core.organizations.operator("other"), "other", TERMS)


async def test_another_organizations_webhook_is_not_there(world: World) -> None:
    webhook = (await world.core.webhooks.create(world.operator, "default", TERMS)).webhook
    stranger = await world.key(Scope.ADMIN, organization="other")
    webhooks = world.core.webhooks
    for asking in (
        webhooks.get(stranger, "other", webhook.id),
        webhooks.change(stranger, "other", webhook.id, WebhookChanges(is_enabled=False)),
        webhooks.rotate(stranger, "other", webhook.id),
        webhooks.remove(stranger, "other", webhook.id),
    ):
        with pytest.raises(WebhookNotFound):
            await asking
    assert await webhooks.get(world.operator, "default", webhook.id) == webhook


async def test_a_narrowed_key_has_nothing_to_do_with_webhooks(world: World) -> None:
    webhook = (await world.core.webhooks.create(world.operator, "default", TERMS)).webhook
    narrowed = await world.key(Scope.READ, Scope.WRITE, toolsets=["greeting-tools"])
    with pytest.raises(NarrowingExceeded):
        await world.core.webhooks.create(narrowed, "default", TERMS)
    with pytest.raises(NarrowingExceeded):
        await world.core.deliveries.page(narrowed, "default", webhook.id, PageRequest())


async def test_deleting_the_organization_takes_its_webhooks_with_it(world: World) -> None:
    owner = await world.core.organizations.operator("other")
    webhook = (await world.core.webhooks.create(owner, "other", TERMS)).webhook
    await world.core.organizations.delete(owner, "other", confirm="other")
    async with world.store.read() as tx:
        assert await tx.webhooks.find(webhook.id) is None
