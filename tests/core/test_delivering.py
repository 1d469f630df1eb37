"""Deliveries to real receivers that misbehave: schedule, signature and disabling as written (REFERENCE §7)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import anyio
import pytest
from anyio.abc import ByteStream

from jinba_mcp.client.webhooks import verify_signature
from jinba_mcp.core.webhooks import IssuedWebhook, WebhookTerms
from jinba_mcp.domain.deliveries import Delivery, DeliveryStatus
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.webhooks import EventName
from jinba_mcp.outbound import http
from jinba_mcp.outbound.targets import Targets
from jinba_mcp.outbound.webhooks import HttpCourier
from tests.outbound import receivers
from tests.outbound.receivers import Behaviour, Receiver, answering, receiving
from tests.worlds import World

TO_METADATA = answering("302 Found", headers="Location: http://169.254.169.254/latest/meta-data/\r\n")
MISBEHAVIOURS = {
    "times out": (receivers.silent, None, "no answer within 10 s"),
    "drips": (receivers.dripping, None, "no answer within 10 s"),
    "resets": (receivers.resetting, None, "RemoteProtocolError"),
    "is no HTTP": (receivers.babbling, None, "RemoteProtocolError"),
    "answers 500": (answering("500 Internal Server Error", body=b"x" * 5_000), 500, ""),
    "redirects to a private address": (TO_METADATA, 302, ""),
}
PAUSES_MIN = (1, 5, 30)


class Patience:
    """That of senders: it is over when a receiver says so, so that no machine is too slow for the others."""

    _scope: anyio.CancelScope

    @contextmanager
    def fail_after(self, _delay_s: float) -> Iterator[anyio.CancelScope]:
        with anyio.fail_after(60) as self._scope:
            yield self._scope

    def ended_by(self, behaviour: Behaviour) -> Behaviour:
        """That behaviour, and soon after it began, the deadline of who sent."""

        async def behave(stream: ByteStream) -> None:
            self._scope.deadline = anyio.current_time() + 0.02
            await behaviour(stream)

        return behave


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One is enough: what depends on the database is tested beside this."""
    return sqlite_url


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    patience = Patience()
    monkeypatch.setattr(http, "anyio", SimpleNamespace(fail_after=patience.fail_after, CancelScope=anyio.CancelScope))
    return patience


async def hooked(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> IssuedWebhook:
    courier = HttpCourier(Targets([receiver.host]))
    for service in (world.core.webhooks, world.core.deliveries):
        monkeypatch.setattr(service, "_courier", courier)
    terms = WebhookTerms(url=receiver.url, events=(EventName.TOOLSET_PUBLISHED,))
    return await world.core.webhooks.create(world.operator, "default", terms)


async def deliver(world: World) -> int:
    claimed = await world.core.deliveries.claim({}, 100)
    for each in claimed:
        await world.core.deliveries.attempt(each)
    return len(claimed)


async def newest(world: World, issued: IssuedWebhook) -> Delivery:
    page = await world.core.deliveries.page(world.operator, "default", issued.webhook.id, PageRequest(limit=1))
    return page.items[0]


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_each_way_to_misbehave_is_retried_by_the_schedule_and_disables_in_the_end(
    world: World, name: str, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, status, said = MISBEHAVIOURS[name]
    if "no answer" in said:
        behaviour = patience.ended_by(behaviour)
    async with receiving(behaviour) as receiver:
        issued = await hooked(world, receiver, monkeypatch)
        for number in range(3):
            await world.publish(greet=f"def run() -> dict:\n    return {{'number': {number}}}\n")
            for pause in PAUSES_MIN:
                assert await deliver(world) == 1
                world.clock.advance(minutes=pause, seconds=-1)
                assert await deliver(world) == 0
                world.clock.advance(seconds=1)
            assert await deliver(world) == 1
            failed = await newest(world, issued)
            assert (failed.status, failed.attempt_count) == (DeliveryStatus.FAILED, 4)
            assert failed.last_attempt is not None
            assert failed.last_attempt.response_status == status
            assert said in (failed.last_attempt.error or "")
            assert len(failed.last_attempt.response_body or "") <= 1_024
            world.clock.advance(minutes=1)
    webhook = await world.core.webhooks.get(world.operator, "default", issued.webhook.id)
    assert (webhook.failure_count, webhook.is_enabled) == (3, False)
    assert len(receiver.bodies) == receiver.connections == 12
    for head, body in zip(receiver.heads, receiver.bodies, strict=True):
        assert verify_signature(body, head["x-webhook-signature"], issued.secret)
    assert len({(head["x-webhook-id"], body) for head, body in zip(receiver.heads, receiver.bodies, strict=True)}) == 3


async def test_one_that_recovers_gets_the_same_body_under_the_same_id(
    world: World, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    moods: list[Behaviour] = [answering("503 Busy"), receivers.resetting, answering("204 No Content")]

    async def moody(stream: ByteStream) -> None:
        await moods.pop(0)(stream)

    async with receiving(moody) as receiver:
        issued = await hooked(world, receiver, monkeypatch)
        await world.publish()
        for pause in PAUSES_MIN:
            await deliver(world)
            world.clock.advance(minutes=pause)
    delivered = await newest(world, issued)
    assert (delivered.status, delivered.attempt_count) == (DeliveryStatus.DELIVERED, 3)
    assert {head["x-webhook-id"] for head in receiver.heads} == {delivered.id}
    assert set(receiver.bodies) == {delivered.body.encode()}
    assert json.loads(delivered.body)["event"] == receiver.heads[0]["x-webhook-event"] == "toolset.published"
