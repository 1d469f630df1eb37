"""`jinba-mcp webhooks`: who is told of an organization's events, and whether it arrived."""

from typing import Annotated, cast

import typer

from jinba_mcp.cli import answers, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group
from jinba_mcp.client import AsyncJinba, documents
from jinba_mcp.client.documents import Delivery, IssuedWebhook, Webhook
from jinba_mcp.domain.pages import MAX_LIMIT
from jinba_mcp.domain.webhooks import EventName

app = group("Create, list, test, rotate and delete webhooks.", reaches=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook, as 'webhooks list' shows it.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="As 'webhooks deliveries' shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_LIMIT, help="How many to show.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send events: https and public.")],
    *,
    event: Annotated[list[EventName], typer.Option("--event", help="What to send; may be given more than once.")],
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Have events sent to a URL from now on, and print the secret that signs them, this once."""
    # typer takes a list of an enum's members, and none of words.
    events = cast("list[documents.EventName]", list(dict.fromkeys(event)))

    async def make(jinba: AsyncJinba) -> IssuedWebhook:
        return await jinba.webhooks.create(url, events)

    _print_issued(reach.on_server(org, make), as_json=as_json)


@app.command("list")
def list_webhooks(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List an organization's webhooks."""

    async def gather(jinba: AsyncJinba) -> list[Webhook]:
        return [webhook async for webhook in jinba.webhooks.list()]

    found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    rows = [(each["id"], each["url"], each["events"], each["enabled"], each["failureCount"]) for each in found]
    output.table(["ID", "URL", "EVENTS", "ENABLED", "FAILED"], rows)


@app.command()
def enable(webhook_id: Id, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Turn a webhook on; it goes on with what it has not been delivered yet."""
    _turn(webhook_id, org, is_enabled=True, as_json=as_json)


@app.command()
def disable(webhook_id: Id, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Turn a webhook off."""
    _turn(webhook_id, org, is_enabled=False, as_json=as_json)


@app.command()
def rotate(webhook_id: Id, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Give a webhook a new secret, and print it, this once."""

    async def renew(jinba: AsyncJinba) -> IssuedWebhook:
        return await jinba.webhooks.rotate(webhook_id)

    _print_issued(reach.on_server(org, renew), as_json=as_json)


@app.command()
def delete(webhook_id: Id, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Delete a webhook with its deliveries; what has not arrived yet never will."""

    async def remove(jinba: AsyncJinba) -> None:
        await jinba.webhooks.delete(webhook_id)

    reach.on_server(org, remove)
    if as_json:
        output.document({"id": webhook_id, "deleted": True})
    else:
        output.line(f"Deleted {webhook_id}.")


@app.command("test")
def send_test(webhook_id: Id, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Send the event webhook.test now, and say what the receiver did."""

    async def attempt(jinba: AsyncJinba) -> Delivery:
        return await jinba.webhooks.test(webhook_id)

    _print_delivery(reach.on_server(org, attempt), as_json=as_json)


@app.command()
def deliveries(webhook_id: Id, *, limit: Limit = 20, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List a webhook's latest deliveries, newest first."""

    async def gather(jinba: AsyncJinba) -> list[Delivery]:
        return (await jinba.webhooks.deliveries_page(webhook_id, limit=limit))["data"]

    found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    output.table(["ID", "EVENT", "STATUS", "ATTEMPTS", "LAST ANSWER", "CREATED"], [_row(each) for each in found])


@app.command()
def redeliver(
    webhook_id: Id, delivery_id: DeliveryId, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False
) -> None:
    """Send a delivery that has ended anew, under the same id."""

    async def attempt(jinba: AsyncJinba) -> Delivery:
        return await jinba.webhooks.redeliver(webhook_id, delivery_id)

    _print_delivery(reach.on_server(org, attempt), as_json=as_json)


def _turn(webhook_id: str, org: str, *, is_enabled: bool, as_json: bool) -> None:
    async def change(jinba: AsyncJinba) -> Webhook:
        return await jinba.webhooks.change(webhook_id, enabled=is_enabled)

    changed = reach.on_server(org, change)
    if as_json:
        output.document(changed)
        return
    output.line(f"{webhook_id} is {'on' if changed['enabled'] else 'off'}.")


def _print_issued(issued: IssuedWebhook, *, as_json: bool) -> None:
    if as_json:
        output.document(issued)
        return
    output.line(issued["secret"])
    output.note(f"This secret signs what {issued['id']} is sent. It is not shown again.")


def _print_delivery(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        output.document(delivery)
        return
    output.line(f"{delivery['id']} {delivery['status']}: {_said(delivery)}")


def _row(delivery: Delivery) -> tuple[object, ...]:
    created_at = answers.instant(delivery["createdAt"])
    count = delivery["attemptCount"]
    return delivery["id"], delivery["event"], delivery["status"], count, _said(delivery), created_at


def _said(delivery: Delivery) -> str:
    last = delivery["lastAttempt"]
    if last is None:
        return ""
    return last["error"] or f"{last['responseStatus']}"
