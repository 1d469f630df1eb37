"""Deliveries: what is owed for what, the schedule, disabling, claims by several processes, the log and its end."""

import json
from datetime import timedelta
from typing import Any

import anyio
import pytest

from jinba_mcp.core.deliveries import AT_ONCE_EACH, Claimed
from jinba_mcp.core.webhooks import IssuedWebhook, WebhookChanges, WebhookTerms
from jinba_mcp.domain.deliveries import Delivery, DeliveryStatus
from jinba_mcp.domain.errors import (
    ArgumentsInvalid,
    DeliveryNotFound,
    DeliveryPending,
    SecretsUnreadable,
    WebhookNotFound,
)
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.tallies import By, StatisticsFilter
from jinba_mcp.domain.webhooks import EventName, member_removed
from jinba_mcp.outbound.webhooks import Receipt
from tests.core.conftest import OpenCore
from tests.worlds import PASSWORD, World

URL = "https://example.com/hook"
RUNS = (EventName.TOOL_RUN_COMPLETED, EventName.TOOL_RUN_FAILED)
REFUSED = Receipt(status=500, body="no")
FAIL = "def run() -> dict:\n    raise ValueError('broken')\n"


async def hooked(world: World, *events: EventName, organization: str = "default") -> IssuedWebhook:
    owner = await world.core.organizations.operator(organization)
    terms = WebhookTerms(url=URL, events=events or tuple(EventName))
    return await world.core.webhooks.create(owner, organization, terms)


async def log(world: World, issued: IssuedWebhook) -> list[Delivery]:
    """The webhook's deliveries, oldest first."""
    owner = await world.core.organizations.operator("default")
    page = await world.core.deliveries.page(owner, "default", issued.webhook.id, PageRequest(limit=200))
    return list(reversed(page.items))


async def deliver(world: World) -> int:
    """Attempt all that is due, as a worker does; how many there were."""
    claimed = await world.core.deliveries.claim({}, 100)
    for each in claimed:
        await world.core.deliveries.attempt(each)
    return len(claimed)


def sent(world: World) -> list[Any]:
    return [json.loads(parcel.body) for parcel in world.courier.sent]


async def owing(world: World) -> tuple[IssuedWebhook, Delivery]:
    """A webhook that is owed one delivery."""
    issued = await hooked(world, EventName.TOOLSET_PUBLISHED)
    await world.publish()
    return issued, (await log(world, issued))[0]


async def test_a_run_that_succeeds_is_told(world: World) -> None:
    await world.publish()
    issued = await hooked(world, *RUNS)
    run = await world.call(world.operator, name="Al")
    await world.core.filing.file()
    assert await deliver(world) == 1
    (parcel,) = world.courier.sent
    data = {"runId": run.id, "toolSetSlug": "greeting-tools", "toolSlug": "greet", "status": "success", "durationMs": 0}
    told = {"event": "tool.run.completed", "timestamp": "2026-11-21T12:00:00.000Z", "data": data}
    assert (sent(world), parcel.url, parcel.event) == ([told], URL, "tool.run.completed")
    assert parcel.secret == issued.secret
    (delivery,) = await log(world, issued)
    assert (delivery.id, delivery.body.encode()) == (parcel.delivery_id, parcel.body)
    assert (delivery.status, delivery.attempt_count, delivery.due_at) == (DeliveryStatus.DELIVERED, 1, None)
    assert delivery.last_attempt is not None
    assert (delivery.last_attempt.response_status, delivery.last_attempt.response_body) == (200, "thanks")
    assert await deliver(world) == 0


async def test_every_way_that_a_run_fails_is_told_with_its_error(world: World) -> None:
    await world.publish(fail=FAIL)
    await world.publish("greeting-tools-2")
    await hooked(world, *RUNS)
    await world.call(world.operator, "greeting-tools/fail")
    with pytest.raises(ArgumentsInvalid):
        await world.call(world.operator, "greeting-tools-2/greet")
    await world.core.filing.file()
    await deliver(world)
    told = sorted((each["event"], each["data"]["status"], each["data"]["error"]["name"]) for each in sent(world))
    assert told == [("tool.run.failed", "failed", "ArgumentsInvalid"), ("tool.run.failed", "failed", "ValueError")]
    assert "traceback" not in sent(world)[0]["data"]["error"]


async def test_a_run_that_died_with_its_server_is_told(world: World, open_core: OpenCore) -> None:
    await world.publish()
    issued = await hooked(world, *RUNS)
    run = await world.call(world.operator, name="Al")
    async with world.store.begin() as tx:
        lost = run.model_copy(update={"id": run.id[:-1] + "!", "status": RunStatus.RUNNING, "finished_at": None})
        await tx.runs.start(lost)
    await world.store.close()
    core = await open_core()
    world.clock.advance(minutes=1)
    await core.health.beat()
    await core.filing.file()
    page = await core.deliveries.page(world.operator, "default", issued.webhook.id, PageRequest())
    told = {body["data"]["runId"]: body for body in (json.loads(each.body) for each in page.items)}
    assert told[run.id]["event"] == "tool.run.completed"
    assert told[lost.id]["event"] == "tool.run.failed"
    assert told[lost.id]["data"]["error"]["name"] == "Interrupted"


async def test_a_run_that_was_taken_for_lost_and_then_ends_is_told_and_counted_once(
    world: World, open_core: OpenCore
) -> None:
    await world.publish()
    issued = await hooked(world, *RUNS)
    done = await world.call(world.operator, name="Al")
    running = done.model_copy(update={"id": done.id[:-1] + "!", "status": RunStatus.RUNNING, "finished_at": None})
    async with world.store.begin() as tx:
        await tx.runs.start(running)
        await tx.processes.forget([world.store._me.id])
    other = await open_core()
    await other.health.beat()
    await other.filing.file()
    await world.store.journal.finish(running.finished(RunStatus.SUCCESS, at=world.clock()))
    await world.core.filing.file()

    page = await other.deliveries.page(world.operator, "default", issued.webhook.id, PageRequest())
    told = [body["event"] for body in map(json.loads, (each.body for each in page.items))]
    assert sorted(told) == ["tool.run.completed", "tool.run.failed"]
    statistics = await other.history.statistics(world.operator, "default", StatisticsFilter(by=By.DAY))
    assert [(tool.count, tool.failed_count) for tool in statistics.tools] == [(2, 1)]


async def test_publishing_is_told(world: World) -> None:
    await hooked(world, EventName.TOOLSET_PUBLISHED)
    await world.publish()
    await deliver(world)
    data = {"toolSetSlug": "greeting-tools", "version": "1.0.0", "publishedBy": "operator", "releaseNotes": ""}
    assert [(each["event"], each["data"]) for each in sent(world)] == [("toolset.published", data)]


async def test_members_that_come_and_go_are_told(world: World) -> None:
    await hooked(world, EventName.MEMBER_ADDED, EventName.MEMBER_REMOVED)
    ada, bob = await world.user("ada@example.com", Role.ADMIN), await world.user("bob@example.com", Role.MEMBER)
    offer = Offer(email="eve@example.com")
    await world.core.invitations.create(world.operator, "default", offer)
    await world.core.invitations.mail_due()
    token = world.mail.sent[-1].text.partition("/invitations/")[2].split()[0]
    eve, _ = await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    await world.core.members.remove(await world.session("ada@example.com"), "default", bob.id)
    await world.core.users.remove(world.operator, "eve@example.com")
    while await deliver(world):
        pass
    told = {(each["event"], *each["data"].values()) for each in sent(world)}
    assert told == {
        ("member.added", ada.id, "ada@example.com", "admin"),
        ("member.added", bob.id, "bob@example.com", "member"),
        ("member.added", eve.id, "eve@example.com", "member"),
        ("member.removed", bob.id),
        ("member.removed", eve.id),
    }


async def test_only_what_was_asked_for_is_owed_and_only_here_and_from_now_on(world: World) -> None:
    await world.publish()
    await world.call(world.operator, name="too early")
    world.clock.advance(seconds=1)
    elsewhere = await hooked(world, *RUNS, organization="other")
    published, off = await hooked(world, EventName.TOOLSET_PUBLISHED), await hooked(world, *RUNS)
    await world.core.webhooks.change(world.operator, "default", off.webhook.id, WebhookChanges(is_enabled=False))
    runs = await hooked(world, *RUNS)
    run = await world.call(world.operator, name="Al")
    await world.core.filing.file()
    assert await log(world, published) == await log(world, off) == []
    assert [json.loads(each.body)["data"]["runId"] for each in await log(world, runs)] == [run.id]
    other = await world.core.organizations.operator("other")
    assert (await world.core.deliveries.page(other, "other", elsewhere.webhook.id, PageRequest())).items == ()


async def test_a_change_that_is_rolled_back_owes_nothing(world: World) -> None:
    issued = await hooked(world, EventName.MEMBER_REMOVED)
    removed = member_removed(issued.webhook.organization_id, UserId("user_1"), world.clock.now)

    async def owe_and_break() -> None:
        async with world.store.begin() as tx:
            await tx.deliveries.owe([removed])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await owe_and_break()
    assert await log(world, issued) == []
    async with world.store.begin() as tx:
        await tx.deliveries.owe([removed])
    assert len(await log(world, issued)) == 1


async def test_retries_come_after_1_5_and_30_minutes_under_the_same_id_and_then_no_more(world: World) -> None:
    issued, owed = await owing(world)
    world.courier.receipt = REFUSED
    for pause in (1, 5, 30):
        assert await deliver(world) == 1
        (waiting,) = await log(world, issued)
        assert (waiting.status, waiting.due_at) == (DeliveryStatus.PENDING, world.clock.now + timedelta(minutes=pause))
        world.clock.advance(minutes=pause, seconds=-1)
        assert await deliver(world) == 0
        world.clock.advance(seconds=1)
    assert await deliver(world) == 1
    (failed,) = await log(world, issued)
    assert (failed.id, failed.status, failed.attempt_count, failed.due_at) == (owed.id, DeliveryStatus.FAILED, 4, None)
    world.clock.advance(days=1)
    assert await deliver(world) == 0
    assert {parcel.delivery_id for parcel in world.courier.sent} == {owed.id}
    assert len({parcel.body for parcel in world.courier.sent}) == 1


@pytest.mark.parametrize(
    "receipt", [Receipt(status=302), Receipt(status=199), Receipt(status=404), Receipt(error="no answer")]
)
async def test_whatever_is_not_2xx_is_tried_again(world: World, receipt: Receipt) -> None:
    issued, _ = await owing(world)
    world.courier.receipt = receipt
    await deliver(world)
    (waiting,) = await log(world, issued)
    assert (waiting.status, waiting.attempt_count) == (DeliveryStatus.PENDING, 1)
    assert waiting.last_attempt is not None
    assert (waiting.last_attempt.response_status, waiting.last_attempt.error) == (receipt.status, receipt.error)
    world.courier.receipt = Receipt(status=204)
    world.clock.advance(minutes=1)
    await deliver(world)
    assert (await log(world, issued))[0].status is DeliveryStatus.DELIVERED


async def fail_for_good(world: World) -> None:
    for pause in (1, 5, 30, 0):
        await deliver(world)
        world.clock.advance(minutes=pause)


async def publish_next(world: World, number: int) -> None:
    await world.publish(greet=f"def run() -> dict:\n    return {{'number': {number}}}\n")


async def test_three_in_a_row_that_fail_for_good_disable_the_webhook_which_is_audited(world: World) -> None:
    issued = await hooked(world, EventName.TOOLSET_PUBLISHED)
    world.courier.receipt = REFUSED
    counts = []
    for number in range(3):
        await publish_next(world, number)
        await fail_for_good(world)
        webhook = await world.core.webhooks.get(world.operator, "default", issued.webhook.id)
        counts.append((webhook.failure_count, webhook.is_enabled))
    assert counts == [(1, True), (2, True), (3, False)]
    assert webhook.disabled_at == world.clock.now
    async with world.store.read() as tx:
        entries = await tx.audit.following(webhook.organization_id, 0, 200)
    disabled = [entry for entry in entries if entry.action == "webhook.disabled"]
    assert [(entry.target, entry.actor) for entry in disabled] == [(webhook.id, "system")]
    await publish_next(world, 9)
    assert len(await log(world, issued)) == 3
    enabled = await world.core.webhooks.change(world.operator, "default", webhook.id, WebhookChanges(is_enabled=True))
    assert (enabled.failure_count, enabled.disabled_at) == (0, None)
    await publish_next(world, 10)
    assert await deliver(world) == 1


async def test_one_that_arrives_in_between_starts_the_count_anew(world: World) -> None:
    issued = await hooked(world, EventName.TOOLSET_PUBLISHED)
    for number, receipt in enumerate((REFUSED, REFUSED, Receipt(status=200), REFUSED)):
        world.courier.receipt = receipt
        await publish_next(world, number)
        await fail_for_good(world)
    webhook = await world.core.webhooks.get(world.operator, "default", issued.webhook.id)
    assert (webhook.failure_count, webhook.is_enabled) == (1, True)


async def test_what_waits_when_a_webhook_is_turned_off_goes_on_when_it_is_turned_on(world: World) -> None:
    issued, _ = await owing(world)
    await world.core.webhooks.change(world.operator, "default", issued.webhook.id, WebhookChanges(is_enabled=False))
    assert await deliver(world) == 0
    await world.core.webhooks.change(world.operator, "default", issued.webhook.id, WebhookChanges(is_enabled=True))
    assert await deliver(world) == 1


async def test_two_processes_never_have_the_same_delivery(world: World, open_core: OpenCore) -> None:
    await hooked(world, EventName.MEMBER_ADDED)
    for number in range(6):
        await world.user(f"user{number}@example.com", Role.MEMBER)
    cores, taken = [world.core, await open_core(), await open_core()], list[Claimed]()

    async def take(index: int) -> None:
        taken.extend(await cores[index].deliveries.claim({}, 100))

    async with anyio.create_task_group() as tasks:
        for index in range(3):
            tasks.start_soon(take, index)
    ids = [each.delivery.id for each in taken]
    assert len(ids) == len(set(ids)) == 6


async def test_an_attempt_that_died_is_made_up_for_when_its_lease_is_over(world: World) -> None:
    issued, owed = await owing(world)
    (died,) = await world.core.deliveries.claim({}, 100)
    assert await world.core.deliveries.claim({}, 100) == []
    world.clock.advance(seconds=60)
    assert await deliver(world) == 1
    (delivered,) = await log(world, issued)
    assert (delivered.id, delivered.status, delivered.attempt_count) == (owed.id, DeliveryStatus.DELIVERED, 1)
    world.courier.receipt = REFUSED
    await world.core.deliveries.attempt(died)
    assert await log(world, issued) == [delivered]


async def test_one_webhook_does_not_take_all_places(world: World) -> None:
    slow, quick = await hooked(world, EventName.MEMBER_ADDED), await hooked(world, EventName.TOOLSET_PUBLISHED)
    for number in range(AT_ONCE_EACH + 2):
        await world.user(f"user{number}@example.com", Role.MEMBER)
    await world.publish()
    first = await world.core.deliveries.claim({}, 100)
    counts = [sum(each.webhook.id == hook.webhook.id for each in first) for hook in (slow, quick)]
    assert counts == [AT_ONCE_EACH, 1]
    assert await world.core.deliveries.claim({slow.webhook.id: AT_ONCE_EACH}, 100) == []
    second = await world.core.deliveries.claim({slow.webhook.id: AT_ONCE_EACH - 1}, 100)
    assert [each.webhook.id for each in second] == [slow.webhook.id]
    assert len(await world.core.deliveries.claim({}, 0)) == 0


async def test_a_test_is_sent_at_once_to_a_disabled_webhook_too_and_counts_for_nothing(world: World) -> None:
    issued = await hooked(world, *RUNS)
    await world.core.webhooks.change(world.operator, "default", issued.webhook.id, WebhookChanges(is_enabled=False))
    delivered = await world.core.deliveries.test(world.operator, "default", issued.webhook.id)
    assert (delivered.event, delivered.status) == ("webhook.test", DeliveryStatus.DELIVERED)
    assert sent(world)[0]["data"] == {"webhookId": issued.webhook.id}
    world.courier.receipt = REFUSED
    world.clock.advance(seconds=1)
    failed = await world.core.deliveries.test(world.operator, "default", issued.webhook.id)
    assert (failed.status, failed.due_at, failed.attempt_count) == (DeliveryStatus.FAILED, None, 1)
    assert await log(world, issued) == [delivered, failed]
    assert (await world.core.webhooks.get(world.operator, "default", issued.webhook.id)).failure_count == 0


async def test_a_delivery_that_has_ended_is_sent_anew_under_its_id(world: World) -> None:
    issued, owed = await owing(world)
    with pytest.raises(DeliveryPending):
        await world.core.deliveries.redeliver(world.operator, "default", issued.webhook.id, owed.id)
    world.courier.receipt = REFUSED
    await fail_for_good(world)
    waiting = await world.core.deliveries.redeliver(world.operator, "default", issued.webhook.id, owed.id)
    assert (waiting.id, waiting.status, waiting.attempt_count) == (owed.id, DeliveryStatus.PENDING, 1)
    assert waiting.due_at == world.clock.now + timedelta(minutes=1)
    world.courier.receipt = Receipt(status=200)
    world.clock.advance(minutes=1)
    assert await deliver(world) == 1
    assert (await log(world, issued))[0].status is DeliveryStatus.DELIVERED
    again = await world.core.deliveries.redeliver(world.operator, "default", issued.webhook.id, owed.id)
    assert (again.id, again.status) == (owed.id, DeliveryStatus.DELIVERED)


async def test_another_organizations_deliveries_are_not_there(world: World) -> None:
    issued, owed = await owing(world)
    own = await hooked(world, *RUNS, organization="other")
    stranger = await world.key(Scope.ADMIN, organization="other")
    deliveries = world.core.deliveries
    with pytest.raises(WebhookNotFound):
        await deliveries.page(stranger, "other", issued.webhook.id, PageRequest())
    with pytest.raises(WebhookNotFound):
        await deliveries.test(stranger, "other", issued.webhook.id)
    with pytest.raises(DeliveryNotFound):
        await deliveries.redeliver(stranger, "other", own.webhook.id, owed.id)
    assert world.courier.sent == []


async def test_the_log_goes_back_30_days_and_ends_with_its_webhook(world: World) -> None:
    kept, dropped = await hooked(world, EventName.TOOLSET_PUBLISHED), await hooked(world, EventName.MEMBER_ADDED)
    await world.publish()
    await world.user("ada@example.com", Role.MEMBER)
    await deliver(world)
    world.clock.advance(days=30)
    await publish_next(world, 1)
    assert await world.core.deliveries.sweep() == 0
    await world.core.webhooks.remove(world.operator, "default", dropped.webhook.id)
    world.clock.advance(seconds=1)
    assert await world.core.deliveries.sweep() == 2
    assert len(await log(world, kept)) == 1
    assert await world.core.deliveries.sweep() == 0


async def test_without_its_secret_nothing_is_sent_and_nothing_is_lost(world: World) -> None:
    issued, owed = await owing(world)
    async with world.store.begin() as tx:
        await tx.webhooks.save(issued.webhook.model_copy(update={"sealed": "AQ=="}))
    (claimed,) = await world.core.deliveries.claim({}, 100)
    with pytest.raises(SecretsUnreadable):
        await world.core.deliveries.attempt(claimed)
    assert world.courier.sent == []
    (waiting,) = await log(world, issued)
    assert (waiting.id, waiting.status, waiting.attempt_count) == (owed.id, DeliveryStatus.PENDING, 0)
    async with world.store.begin() as tx:
        await tx.webhooks.save(issued.webhook)
    world.clock.advance(seconds=60)
    assert await deliver(world) == 1


async def test_a_rotated_secret_signs_what_waits(world: World) -> None:
    issued, _ = await owing(world)
    rotated = await world.core.webhooks.rotate(world.operator, "default", issued.webhook.id)
    await deliver(world)
    assert world.courier.sent[0].secret == rotated.secret != issued.secret
