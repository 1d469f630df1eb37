"""What webhooks are told after `kill -9` between runs and their deliveries, and during them, on both databases."""

import json
from collections import defaultdict
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.storage.store import Store
from tests.outbound.receivers import Receiver, answering, receiving
from tests.resilience.doors import ORGANIZATION, Door, call, called, headers_of
from tests.resilience.places import Place, Server
from tests.resilience.tools import ECHO_TOOL
from tests.resilience.wire import HungUp, connected, request

CLIENTS = 4
PAUSE_S = 0.02
"""Between two calls of a client, so that there are hundreds of runs and not thousands."""
HELD = 3
"""Deliveries that the receiver has taken and not answered when the server is killed."""
EVENTS = ["tool.run.completed", "tool.run.failed"]

pytestmark = pytest.mark.slow


class Moody:
    """Takes some deliveries, and answers no more until it is told to."""

    def __init__(self) -> None:
        self.is_answering = False
        self.is_enough = anyio.Event()
        self.has_thanked = anyio.Event()
        self._held = 0
        self._thanks = answering("200 OK")

    async def __call__(self, stream: ByteStream) -> None:
        if not self.is_answering:
            self._held += 1
            if self._held >= HELD:
                self.is_enough.set()
            await anyio.sleep_forever()
        await self._thanks(stream)
        self.has_thanked.set()
        self.has_thanked = anyio.Event()


async def _hooked(server: Server, receiver: Receiver) -> str:
    body = json.dumps({"url": receiver.url, "events": EVENTS}).encode()
    async with connected(server.port) as connection:
        answer = await connection.ask(request("POST", f"{ORGANIZATION}/webhooks", headers_of(server.key), body))
    assert answer.status == 201, answer
    return str(answer.json["id"])


async def _call_until_killed(server: Server, moody: Moody) -> set[str]:
    """The ids of the runs that were answered."""
    told: set[str] = set()

    async def calling() -> None:
        async with connected(server.port) as connection:
            while True:
                raw = call(Door.REST, server.key, ECHO_TOOL, {"number": 1, "text": "x"})
                try:
                    told.add(called(Door.REST, await connection.ask(raw)).run_id)
                except HungUp:
                    return
                await anyio.sleep(PAUSE_S)

    async with anyio.create_task_group() as tasks:
        for _ in range(CLIENTS):
            tasks.start_soon(calling)
        await moody.is_enough.wait()
        server.kill()
    return told


async def _end_leases(place: Place, webhook_id: str) -> int:
    """Let a minute pass for the attempts that died, without waiting for it; how many there were."""
    count, after = 0, None
    store = await Store.open(place.database)
    try:
        while True:
            async with store.begin() as tx:
                webhook = (await tx.webhooks.following("", 1))[0]
                assert webhook.id == webhook_id
                page = await tx.deliveries.page(webhook.id, PageRequest(limit=200, after=after))
                for delivery in page.items:
                    if delivery.due_at is not None and delivery.due_at > delivery.created_at:
                        lapsed = delivery.model_copy(update={"due_at": delivery.created_at})
                        count += await tx.deliveries.move(delivery, lapsed)
            if (after := page.next_cursor) is None:
                return count
    finally:
        await store.close()


def _ids_by_run(receiver: Receiver) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = defaultdict(set)
    for head, body in zip(receiver.heads, receiver.bodies, strict=True):
        ids[json.loads(body)["data"]["runId"]].add(head["x-webhook-id"])
    return ids


async def test_after_kill_9_every_run_is_told_and_twice_only_under_the_same_id(place: Place) -> None:
    """Issue 4: none lost, none delivered that was not owed."""
    moody = Moody()
    async with receiving(moody) as receiver:
        place.settings = {"JINBA_WEBHOOK_PRIVATE_HOSTS": receiver.host}
        with anyio.fail_after(120):
            with place.serving() as server:
                webhook_id = await _hooked(server, receiver)
                told = await _call_until_killed(server, moody)
            assert await _end_leases(place, webhook_id) >= HELD
            held = {head["x-webhook-id"] for head in receiver.heads}
            moody.is_answering = True
            with place.serving() as server:
                while not told <= _ids_by_run(receiver).keys():
                    await moody.has_thanked.wait()
                records: dict[str, Any] = await server.runs()
    delivered = _ids_by_run(receiver)
    assert told
    assert delivered.keys() <= records.keys()
    assert all(len(ids) == 1 for ids in delivered.values())
    twice = [head["x-webhook-id"] for head in receiver.heads]
    assert {each for each in twice if twice.count(each) > 1} <= held
    for body in map(json.loads, receiver.bodies):
        status = records[body["data"]["runId"]]["status"]
        assert (body["data"]["status"], body["event"]) == (status, EVENTS[status != "success"])
