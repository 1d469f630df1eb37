"""Delivering: what is due is attempted, a slow receiver holds up nobody else, and a failure is survived."""

import logging
from collections.abc import Mapping

import anyio
import pytest

from jinba_mcp.core.deliveries import AT_ONCE_EACH, Claimed
from jinba_mcp.core.webhooks import WebhookTerms
from jinba_mcp.domain.deliveries import DeliveryStatus
from jinba_mcp.domain.ids import WebhookId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.webhooks import EventName
from jinba_mcp.faces.worker import deliveries
from jinba_mcp.outbound.webhooks import Parcel, Receipt
from tests.worlds import World

SLOW, QUICK = "https://slow.example/", "https://quick.example/"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One is enough: what depends on the database is tested below."""
    return sqlite_url


async def hooked(world: World, url: str) -> str:
    terms = WebhookTerms(url=url, events=(EventName.MEMBER_ADDED,))
    return (await world.core.webhooks.create(world.operator, "default", terms)).webhook.id


async def members(world: World, count: int) -> None:
    for number in range(count):
        await world.user(f"user{number}@example.com", Role.MEMBER)


async def test_a_slow_receiver_has_its_share_and_the_others_theirs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hooked(world, SLOW)
    await hooked(world, QUICK)
    await members(world, AT_ONCE_EACH * 3)
    sent, all_quick, waiting, most = list[str](), anyio.Event(), 0, 0

    async def send(parcel: Parcel) -> Receipt:
        nonlocal waiting, most
        if parcel.url == SLOW:
            waiting += 1
            most = max(most, waiting)
            await anyio.sleep_forever()
        sent.append(parcel.delivery_id)
        if len(sent) == AT_ONCE_EACH * 3:
            all_quick.set()
        return Receipt(status=200)

    monkeypatch.setattr(world.courier, "send", send)
    with anyio.fail_after(60):
        async with deliveries.delivering(world.core):
            await all_quick.wait()
    assert len(set(sent)) == len(sent)
    assert most == AT_ONCE_EACH


async def test_a_look_and_a_delivery_that_fail_are_not_the_last(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    webhook_id = await hooked(world, QUICK)
    await members(world, 2)
    claim, attempt, faults = world.core.deliveries.claim, world.core.deliveries.attempt, ["look", "attempt"]
    arrived = anyio.Event()

    async def claimed(in_flight: Mapping[WebhookId, int], limit: int) -> list[Claimed]:
        if "look" in faults:
            faults.remove("look")
            raise RuntimeError("the database is away")
        return await claim(in_flight, limit)

    async def attempted(one: Claimed) -> None:
        if "attempt" in faults:
            faults.remove("attempt")
            raise RuntimeError("its secret does not open")
        await attempt(one)
        arrived.set()

    monkeypatch.setattr(deliveries, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(world.core.deliveries, "claim", claimed)
    monkeypatch.setattr(world.core.deliveries, "attempt", attempted)
    with caplog.at_level(logging.ERROR, "jinba_mcp.faces.worker.deliveries"), anyio.fail_after(60):
        async with deliveries.delivering(world.core):
            await arrived.wait()
    assert [record.message for record in caplog.records] == ["claiming deliveries failed", "delivery failed"]
    page = await world.core.deliveries.page(world.operator, "default", webhook_id, PageRequest())
    assert sorted(each.status for each in page.items) == [DeliveryStatus.DELIVERED, DeliveryStatus.PENDING]


async def test_with_every_place_taken_nothing_more_is_claimed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await hooked(world, SLOW)
    await members(world, 2)
    sent, begun, goes_on, both = list[str](), anyio.Event(), anyio.Event(), anyio.Event()

    async def send(parcel: Parcel) -> Receipt:
        sent.append(parcel.delivery_id)
        begun.set()
        if len(sent) == 2:
            both.set()
        await goes_on.wait()
        return Receipt(status=200)

    monkeypatch.setattr(deliveries, "AT_ONCE", 1)
    monkeypatch.setattr(deliveries, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(world.courier, "send", send)
    with anyio.fail_after(60):
        async with deliveries.delivering(world.core):
            await begun.wait()
            for _ in range(20):
                await anyio.sleep(0.001)
            assert len(sent) == 1
            goes_on.set()
            await both.wait()
