"""Deliveries: the outbox and the log of what came of it, row and repository."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.deliveries import Delivery, owed
from jinba_mcp.domain.errors import DeliveryNotFound
from jinba_mcp.domain.ids import OrganizationId, WebhookId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.webhooks import Event, Webhook
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of, values_of
from jinba_mcp.storage.webhooks import WebhookRepository, webhook_of, webhook_table


class DeliveryRow(Row, table=True):
    """One delivery. No foreign key: webhooks with a long log are removed at once, and the log after them in batches."""

    __tablename__ = "delivery"

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(index=True, sa_type=WORD)
    webhook_id: str = Field(sa_type=WORD)
    event: str
    body: str
    status: str
    attempt_count: int
    due_at: datetime | None = Field(sa_type=UtcDateTime)
    last_attempt: Any = Field(sa_type=JsonText, nullable=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


_deliveries = table_of(DeliveryRow)
_is_pending = _deliveries.c.due_at.is_not(None)
Index(None, _deliveries.c.webhook_id, _deliveries.c.id)
Index(
    "ix_delivery_due",
    _deliveries.c.webhook_id,
    _deliveries.c.due_at,
    sqlite_where=_is_pending,
    postgresql_where=_is_pending,
)


def _delivery(row: RowMapping) -> Delivery:
    return record_of(Delivery, row, _deliveries)


class DeliveryRepository:
    """Deliveries in one transaction."""

    def __init__(self, connection: Connection, webhooks: WebhookRepository) -> None:
        self._connection = connection
        self._webhooks = webhooks

    async def owe(self, events: Sequence[Event]) -> None:
        """Put events into the outbox of whoever wants them, in the transaction that makes them true."""
        if not events:
            return
        by_organization: dict[OrganizationId, list[Webhook]] = defaultdict(list)
        for webhook in await self._webhooks.enabled(sorted({event.organization_id for event in events})):
            by_organization[webhook.organization_id].append(webhook)
        pairs = ((hook, event) for event in events for hook in by_organization[event.organization_id])
        new = [owed(hook, event) for hook, event in pairs if hook.wants(event)]
        if new:
            await self._connection.write(insert(_deliveries), [values_of(delivery) for delivery in new])

    async def add(self, delivery: Delivery) -> None:
        await self._connection.write(insert(_deliveries), values_of(delivery))

    async def get(self, webhook_id: WebhookId, delivery_id: str) -> Delivery:
        """Raises `DeliveryNotFound` when the webhook has no such one."""
        is_it = (_deliveries.c.id == delivery_id) & (_deliveries.c.webhook_id == webhook_id)
        row = await self._connection.first(select(_deliveries).where(is_it))
        if row is None:
            raise DeliveryNotFound(delivery_id)
        return _delivery(row)

    async def page(self, webhook_id: WebhookId, request: PageRequest) -> Page[Delivery]:
        """A webhook's deliveries, newest first."""
        statement = select(_deliveries).where(_deliveries.c.webhook_id == webhook_id)
        return await page_by(self._connection, statement, _deliveries.c.id, request, _delivery, newest_first=True)

    async def waiting(self, now: datetime, busy: Collection[WebhookId], limit: int) -> list[Webhook]:
        """Up to `limit` enabled webhooks with something due, who waits longest first; `busy` ones are left out."""
        due = (
            select(func.min(_deliveries.c.due_at))
            .where(_deliveries.c.webhook_id == webhook_table.c.id, _is_pending)
            .scalar_subquery()
        )
        is_waiting = webhook_table.c.is_enabled & webhook_table.c.id.not_in(busy) & (due <= now)
        rows = await self._connection.all(select(webhook_table).where(is_waiting).order_by(due).limit(limit))
        return [webhook_of(row) for row in rows]

    async def claim(self, webhook_id: WebhookId, now: datetime, limit: int) -> list[Delivery]:
        """Take up to `limit` due deliveries of a webhook, so that nobody else does while the lease runs."""
        is_due = (_deliveries.c.webhook_id == webhook_id) & _is_pending & (_deliveries.c.due_at <= now)
        rows = await self._connection.all(select(_deliveries).where(is_due).order_by(_deliveries.c.due_at).limit(limit))
        claimed = [_delivery(row).claimed(now) for row in rows]
        if claimed:
            is_one = _deliveries.c.id.in_([each.id for each in claimed])
            await self._connection.write(update(_deliveries).where(is_one).values(due_at=claimed[0].due_at))
        return claimed

    async def move(self, before: Delivery, after: Delivery) -> bool:
        """Save a move, unless the delivery is not in the state `before` any more or is gone."""
        is_still = (
            (_deliveries.c.id == before.id)
            & (_deliveries.c.status == before.status)
            & _deliveries.c.due_at.is_not_distinct_from(before.due_at)
        )
        return await self._connection.write(update(_deliveries).where(is_still).values(values_of(after))) > 0

    async def next_webhook(self, after: WebhookId | None) -> WebhookId | None:
        """The webhooks that have deliveries, one by one, those that are gone too."""
        following = select(func.min(_deliveries.c.webhook_id))
        if after is not None:
            following = following.where(_deliveries.c.webhook_id > after)
        found = await self._connection.value(following)
        return None if found is None else WebhookId(found)

    async def remove_older(self, webhook_id: WebhookId, than: datetime | None, limit: int) -> int:
        """Delete up to `limit` of a webhook's oldest deliveries, if made before `than` (None: whenever)."""
        oldest = select(_deliveries.c.id, _deliveries.c.created_at).where(_deliveries.c.webhook_id == webhook_id)
        rows = await self._connection.all(oldest.order_by(_deliveries.c.id).limit(limit))
        old = [row["id"] for row in rows if than is None or row["created_at"] < than]
        return await self._connection.write(delete(_deliveries).where(_deliveries.c.id.in_(old))) if old else 0
