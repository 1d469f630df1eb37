"""Webhooks: row and repository. Secrets are sealed before they reach this room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.errors import WebhookNotFound
from jinba_mcp.domain.ids import OrganizationId, WebhookId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.webhooks import Webhook
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of, values_of


class WebhookRow(Row, table=True):
    """A receiver of events."""

    __tablename__ = "webhook"

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(foreign_key="organization.id", sa_type=WORD)
    url: str
    events: Any = Field(sa_type=JsonText, nullable=False)
    is_enabled: bool
    failure_count: int
    disabled_at: datetime | None = Field(sa_type=UtcDateTime)
    sealed: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


webhook_table = table_of(WebhookRow)
Index(None, webhook_table.c.organization_id, webhook_table.c.id)


def webhook_of(row: RowMapping) -> Webhook:
    """The record that a row holds."""
    return record_of(Webhook, row, webhook_table)


class WebhookRepository:
    """Webhooks in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, webhook_id: WebhookId) -> Webhook | None:
        """A webhook of any organization."""
        row = await self._connection.first(select(webhook_table).where(webhook_table.c.id == webhook_id))
        return None if row is None else webhook_of(row)

    async def get(self, organization_id: OrganizationId, webhook_id: str) -> Webhook:
        """Raises `WebhookNotFound` when the organization has no such one."""
        found = await self.find(WebhookId(webhook_id))
        if found is None or found.organization_id != organization_id:
            raise WebhookNotFound(webhook_id)
        return found

    async def page(self, organization_id: OrganizationId, request: PageRequest) -> Page[Webhook]:
        """An organization's webhooks, newest first."""
        statement = select(webhook_table).where(webhook_table.c.organization_id == organization_id)
        return await page_by(self._connection, statement, webhook_table.c.id, request, webhook_of, newest_first=True)

    async def count(self, organization_id: OrganizationId) -> int:
        """How many an organization has."""
        is_theirs = webhook_table.c.organization_id == organization_id
        return int(await self._connection.value(select(func.count()).where(is_theirs)))

    async def enabled(self, organization_ids: Sequence[OrganizationId]) -> list[Webhook]:
        """Those of some organizations that take events."""
        is_theirs = webhook_table.c.organization_id.in_(organization_ids)
        statement = select(webhook_table).where(is_theirs, webhook_table.c.is_enabled)
        return [webhook_of(row) for row in await self._connection.all(statement.order_by(webhook_table.c.id))]

    async def following(self, after: str, limit: int) -> list[Webhook]:
        """Up to `limit` of all organizations' webhooks, by id, those after that one."""
        statement = select(webhook_table).where(webhook_table.c.id > after).order_by(webhook_table.c.id).limit(limit)
        return [webhook_of(row) for row in await self._connection.all(statement)]

    async def add(self, webhook: Webhook) -> None:
        await self._connection.write(insert(webhook_table), values_of(webhook))

    async def save(self, webhook: Webhook) -> None:
        """Write a webhook over what is stored of it."""
        await self._connection.write(
            update(webhook_table).where(webhook_table.c.id == webhook.id).values(values_of(webhook))
        )

    async def remove(self, webhook_id: WebhookId) -> None:
        """Delete a webhook. Its deliveries are out of reach at once, and swept later."""
        await self._connection.write(delete(webhook_table).where(webhook_table.c.id == webhook_id))
