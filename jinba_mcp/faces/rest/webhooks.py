"""Webhooks of an organization, and what became of their deliveries."""

from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.webhook_schemas import (
    DeliveryOut,
    DeliveryPage,
    IssuedWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
    WebhookPatchIn,
    delivery_out,
    issued_webhook_out,
    webhook_out,
)
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> WebhookPage:
    found = await asked.core.webhooks.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(WebhookPage, found, webhook_out)


async def show(asked: Asked[NoQuery, None]) -> WebhookOut:
    return webhook_out(await asked.core.webhooks.get(asked.caller, asked.path["org"], asked.path["webhookId"]))


async def create(asked: Asked[NoQuery, WebhookIn]) -> IssuedWebhookOut:
    return issued_webhook_out(await asked.core.webhooks.create(asked.caller, asked.path["org"], asked.body.terms()))


async def change(asked: Asked[NoQuery, WebhookPatchIn]) -> WebhookOut:
    where, changes = asked.path, asked.body.changes()
    return webhook_out(await asked.core.webhooks.change(asked.caller, where["org"], where["webhookId"], changes))


async def rotate(asked: Asked[NoQuery, None]) -> IssuedWebhookOut:
    where = asked.path
    return issued_webhook_out(await asked.core.webhooks.rotate(asked.caller, where["org"], where["webhookId"]))


async def remove(asked: Asked[NoQuery, None]) -> None:
    await asked.core.webhooks.remove(asked.caller, asked.path["org"], asked.path["webhookId"])


async def test(asked: Asked[NoQuery, None]) -> DeliveryOut:
    where = asked.path
    return delivery_out(await asked.core.deliveries.test(asked.caller, where["org"], where["webhookId"]))


async def deliveries(asked: Asked[PageQuery, None]) -> DeliveryPage:
    where, request = asked.path, asked.query.request()
    found = await asked.core.deliveries.page(asked.caller, where["org"], where["webhookId"], request)
    return page_out(DeliveryPage, found, delivery_out)


async def redeliver(asked: Asked[NoQuery, None]) -> DeliveryOut:
    org, webhook_id, delivery_id = asked.path["org"], asked.path["webhookId"], asked.path["deliveryId"]
    return delivery_out(await asked.core.deliveries.redeliver(asked.caller, org, webhook_id, delivery_id))
