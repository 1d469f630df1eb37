"""Deliveries: what webhooks are owed is sent until it arrives or the schedule is used up, and what came of it is told.

An attempt has its delivery to itself for as long as a lease; if its process dies, another attempt is made after that.
So nothing is lost, and what arrives twice arrives under the same id.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import anyio

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.webhooks import place
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.deliveries import KEPT_FOR, Attempt, Delivery, DeliveryStatus, trial_of
from jinba_mcp.domain.errors import DeliveryPending
from jinba_mcp.domain.ids import WebhookId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.webhooks import Webhook
from jinba_mcp.outbound.webhooks import Courier, Parcel
from jinba_mcp.storage.store import Store

logger = logging.getLogger(__name__)

AT_ONCE_EACH = 4
"""How many deliveries one webhook is sent at once by one process."""
_BATCH = 100


@dataclass(frozen=True)
class Claimed:
    """A delivery that this process is to attempt, now."""

    webhook: Webhook
    delivery: Delivery


class Deliveries:
    """Sends in several processes at once, each delivery in one of them at a time."""

    def __init__(self, store: Store, clock: Clock, keyring: Keyring, courier: Courier) -> None:
        self._store = store
        self._clock = clock
        self._keyring = keyring
        self._courier = courier

    async def page(self, caller: Caller, organization: str, webhook_id: str, request: PageRequest) -> Page[Delivery]:
        """The log of a webhook's deliveries, newest first; it goes back 30 days.

        Raises:
            WebhookNotFound: the organization has no such one.
        """
        organization_id = caller.require(organization, Scope.READ)
        caller.require_whole()
        async with self._store.read() as tx:
            webhook = await tx.webhooks.get(organization_id, webhook_id)
            return await tx.deliveries.page(webhook.id, request)

    async def test(self, caller: Caller, organization: str, webhook_id: str) -> Delivery:
        """Send the event `webhook.test` once, now, to a webhook that may be disabled; how it went.

        Raises:
            WebhookNotFound: the organization has no such one.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            webhook = await tx.webhooks.get(organization_id, webhook_id)
            delivery = trial_of(webhook, now).claimed(now)
            await tx.deliveries.add(delivery)
            await tx.audit.add(
                fact(caller, "webhook.tested", webhook.id, organization_id=organization_id, at=now)
            )  # fmt: skip
        return await self.attempt(Claimed(webhook, delivery))

    async def redeliver(self, caller: Caller, organization: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a delivery that has ended anew, under the same id: once now, and if that fails by the usual schedule.

        Raises:
            WebhookNotFound: the organization has no such one.
            DeliveryNotFound: the webhook has no such one.
            DeliveryPending: it has not ended.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            webhook = await tx.webhooks.get(organization_id, webhook_id)
            ended = await tx.deliveries.get(webhook.id, delivery_id)
            if ended.status is DeliveryStatus.PENDING:
                raise DeliveryPending(delivery_id)
            delivery = ended.anew(now)
            await tx.deliveries.move(ended, delivery)
            await tx.audit.add(
                fact(caller, "delivery.repeated", delivery.id, organization_id=organization_id, at=now)
            )  # fmt: skip
        return await self.attempt(Claimed(webhook, delivery))

    async def claim(self, in_flight: Mapping[WebhookId, int], limit: int) -> list[Claimed]:
        """System's own: take up to `limit` deliveries that are due, beside those of this process in flight.

        However many one webhook is owed, it gets `AT_ONCE_EACH` at once and no more, so that a slow receiver holds up
        nobody else.
        """
        now = self._clock()
        busy = [webhook_id for webhook_id, count in in_flight.items() if count >= AT_ONCE_EACH]
        async with self._store.read() as tx:
            webhooks = await tx.deliveries.waiting(now, busy, limit)
        if not webhooks:
            return []
        claimed: list[Claimed] = []
        async with self._store.begin() as tx:
            for webhook in webhooks:
                free = min(AT_ONCE_EACH - in_flight.get(webhook.id, 0), limit - len(claimed))
                if free > 0:
                    taken = await tx.deliveries.claim(webhook.id, now, free)
                    claimed += [Claimed(webhook, delivery) for delivery in taken]
        return claimed

    async def attempt(self, claimed: Claimed) -> Delivery:
        """System's own: try once to deliver, and note what came of it.

        Raises:
            SecretsUnreadable: the webhook's secret does not open; the delivery is tried again after its lease.
        """
        webhook, delivery = claimed.webhook, claimed.delivery
        began_at, began = self._clock(), anyio.current_time()
        parcel = Parcel(
            url=webhook.url,
            delivery_id=delivery.id,
            event=delivery.event,
            body=delivery.body.encode(),
            secret=self._keyring.open(webhook.sealed, place(webhook.id)),
        )
        receipt = await self._courier.send(parcel)
        attempt = Attempt(
            at=began_at,
            duration_ms=round((anyio.current_time() - began) * 1000),
            response_status=receipt.status,
            response_body=receipt.body,
            error=receipt.error,
        )
        ended = delivery.after(attempt)
        with anyio.CancelScope(shield=True):
            await self._record(delivery, ended)
        extra = {"event": "webhook.attempted", "delivery_id": delivery.id, "status": ended.status.value}
        logger.info("delivery attempted", extra=extra)
        return ended

    async def _record(self, delivery: Delivery, ended: Delivery) -> None:
        now = self._clock()
        async with self._store.begin() as tx:
            if not await tx.deliveries.move(delivery, ended):
                return  # The lease ran out and someone else has it, or the log is swept.
            webhook = await tx.webhooks.find(delivery.webhook_id)
            if webhook is None or ended.is_test or ended.status is DeliveryStatus.PENDING:
                return
            after = _counted(webhook, ended, now)
            if after != webhook:
                await tx.webhooks.save(after)
            if webhook.is_enabled and not after.is_enabled:
                await tx.audit.add(
                    fact(
                        None, "webhook.disabled", webhook.id, organization_id=webhook.organization_id, at=now,
                        before={"isEnabled": True}, after={"isEnabled": False, "failureCount": after.failure_count},
                    )
                )  # fmt: skip

    async def sweep(self) -> int:
        """System's own: remove what is older than 30 days, and all of webhooks that are gone; how many there were."""
        count, webhook_id = 0, await self._next_webhook(None)
        while webhook_id is not None:
            async with self._store.read() as tx:
                is_gone = await tx.webhooks.find(webhook_id) is None
            count += await self._sweep_webhook(webhook_id, None if is_gone else self._clock() - KEPT_FOR)
            webhook_id = await self._next_webhook(webhook_id)
        return count

    async def _next_webhook(self, after: WebhookId | None) -> WebhookId | None:
        async with self._store.read() as tx:
            return await tx.deliveries.next_webhook(after)

    async def _sweep_webhook(self, webhook_id: WebhookId, than: datetime | None) -> int:
        count = 0
        while True:
            # Cut short, it would leave its connection broken.
            with anyio.CancelScope(shield=True):
                async with self._store.begin() as tx:
                    removed = await tx.deliveries.remove_older(webhook_id, than, _BATCH)
            count += removed
            if removed < _BATCH:
                return count


def _counted(webhook: Webhook, ended: Delivery, now: datetime) -> Webhook:
    if ended.status is DeliveryStatus.FAILED:
        return webhook.failed(now)
    return webhook.model_copy(update={"failure_count": 0})
