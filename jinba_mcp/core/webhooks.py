"""Webhooks: what organizations have told of their events, and where to. `deliveries.py` has what is sent."""

from dataclasses import dataclass

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import digested, fact
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import CountExceeded
from jinba_mcp.domain.ids import WebhookId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.webhooks import MAX_WEBHOOKS, EventName, Webhook, new_secret
from jinba_mcp.outbound.webhooks import Courier
from jinba_mcp.storage.store import Store

_BATCH = 100


class WebhookTerms(Record):
    """What a webhook is to be."""

    url: str
    events: tuple[EventName, ...]
    is_enabled: bool = True


class WebhookChanges(Record):
    """What of a webhook is to be another; None leaves it."""

    url: str | None = None
    events: tuple[EventName, ...] | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True)
class IssuedWebhook:
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


class Webhooks:
    """A change acts on what happens, and what is delivered, from then on."""

    def __init__(self, store: Store, clock: Clock, keyring: Keyring, courier: Courier) -> None:
        self._store = store
        self._clock = clock
        self._keyring = keyring
        self._courier = courier

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[Webhook]:
        """The organization's webhooks, newest first."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.webhooks.page(organization_id, request)

    async def get(self, caller: Caller, organization: str, webhook_id: str) -> Webhook:
        """Raises `WebhookNotFound` when the organization has no such one."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.webhooks.get(organization_id, webhook_id)

    async def create(self, caller: Caller, organization: str, terms: WebhookTerms) -> IssuedWebhook:
        """Have events from now on sent to a URL.

        Raises:
            FieldsInvalid: the URL is none that may be called.
            CountExceeded: the organization has as many as it may.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        self._courier.check(terms.url)
        now, secret = self._clock(), new_secret()
        webhook_id = ids.webhook_id(now)
        async with self._store.begin() as tx:
            if await tx.webhooks.count(organization_id) >= MAX_WEBHOOKS:
                raise CountExceeded("This organization", "webhooks", MAX_WEBHOOKS)
            webhook = Webhook(
                id=webhook_id,
                organization_id=organization_id,
                # In the transaction, so that no rotation of the key comes in between.
                sealed=self._keyring.seal(secret, place(webhook_id)),
                created_at=now,
                updated_at=now,
                **terms.model_dump(),
            )
            await tx.webhooks.add(webhook)
            await tx.audit.add(
                fact(
                    caller, "webhook.created", webhook_id, organization_id=organization_id, at=now,
                    after={**_told(webhook), "secret": digested(secret)},
                )
            )  # fmt: skip
        return IssuedWebhook(webhook, secret)

    async def change(self, caller: Caller, organization: str, webhook_id: str, changes: WebhookChanges) -> Webhook:
        """Replace what is given. What waits is sent to the new URL; turned on again, it goes on where it stopped.

        Raises:
            WebhookNotFound: the organization has no such one.
            FieldsInvalid: the URL is none that may be called.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        if changes.url is not None:
            self._courier.check(changes.url)
        now = self._clock()
        async with self._store.begin() as tx:
            before = await tx.webhooks.get(organization_id, webhook_id)
            after = _changed(before, changes).model_copy(update={"updated_at": now})
            await tx.webhooks.save(after)
            await tx.audit.add(
                fact(
                    caller, "webhook.changed", before.id, organization_id=organization_id, at=now,
                    before=_told(before), after=_told(after),
                )
            )  # fmt: skip
        return after

    async def rotate(self, caller: Caller, organization: str, webhook_id: str) -> IssuedWebhook:
        """Give it a new secret, which signs every attempt from now on.

        Raises:
            WebhookNotFound: the organization has no such one.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        now, secret = self._clock(), new_secret()
        async with self._store.begin() as tx:
            found = await tx.webhooks.get(organization_id, webhook_id)
            sealed = self._keyring.seal(secret, place(found.id))
            webhook = found.model_copy(update={"sealed": sealed, "updated_at": now})
            await tx.webhooks.save(webhook)
            await tx.audit.add(
                fact(
                    caller, "webhook.rotated", webhook.id, organization_id=organization_id, at=now,
                    after={"secret": digested(secret)},
                )
            )  # fmt: skip
        return IssuedWebhook(webhook, secret)

    async def remove(self, caller: Caller, organization: str, webhook_id: str) -> None:
        """Delete it with its deliveries; what has not arrived yet never will.

        Raises:
            WebhookNotFound: the organization has no such one.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            webhook = await tx.webhooks.get(organization_id, webhook_id)
            await tx.webhooks.remove(webhook.id)
            await tx.audit.add(
                fact(
                    caller, "webhook.deleted", webhook.id, organization_id=organization_id, at=now,
                    before=_told(webhook),
                )
            )  # fmt: skip

    async def reseal(self) -> int:
        """System's own: bring every secret under the newest secret key; how many there were to bring."""
        count, after = 0, ""
        while True:
            async with self._store.begin() as tx:
                batch = await tx.webhooks.following(after, _BATCH)
                for webhook in batch:
                    if not self._keyring.is_current(webhook.sealed, place(webhook.id)):
                        sealed = self._keyring.reseal(webhook.sealed, place(webhook.id))
                        await tx.webhooks.save(webhook.model_copy(update={"sealed": sealed}))
                        count += 1
            if not batch:
                return count
            after = batch[-1].id


def place(webhook_id: WebhookId) -> str:
    """What a webhook's secret is sealed for."""
    return f"webhook/{webhook_id}"


def _changed(webhook: Webhook, changes: WebhookChanges) -> Webhook:
    given = changes.model_dump(exclude_none=True, exclude={"is_enabled"})
    changed = webhook.model_copy(update=given)
    return changed if changes.is_enabled is None else changed.enabled(is_enabled=changes.is_enabled)


def _told(webhook: Webhook) -> JsonObject:
    return {"url": webhook.url, "events": [each.value for each in webhook.events], "isEnabled": webhook.is_enabled}
