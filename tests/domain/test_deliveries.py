"""Deliveries: the moves that one may make, and its body."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.domain.deliveries import LEASE, Attempt, Delivery, DeliveryStatus, owed, trial_of
from tests.domain.test_webhooks import NOW, REMOVED, a_webhook

FAILED = Attempt(at=NOW, duration_ms=5, response_status=500)
ARRIVED = Attempt(at=NOW, duration_ms=5, response_status=200)


def a_delivery() -> Delivery:
    return owed(a_webhook(), REMOVED)


def test_what_is_owed_is_due_at_once_and_says_what_happened() -> None:
    delivery = a_delivery()
    assert (delivery.status, delivery.due_at, delivery.attempt_count) == (DeliveryStatus.PENDING, NOW, 0)
    assert delivery.id.startswith("dlv_")
    assert delivery.event == "member.removed"
    told = {"event": "member.removed", "timestamp": "2026-11-21T12:00:00.000Z", "data": {"userId": "user_1"}}
    assert json.loads(delivery.body) == told


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 400, 500])
def test_only_2xx_arrives(status: int | None) -> None:
    assert not Attempt(at=NOW, duration_ms=0, response_status=status).succeeded
    assert Attempt(at=NOW, duration_ms=0, response_status=299).succeeded


def test_the_schedule_is_1_5_and_30_minutes_from_each_attempt() -> None:
    delivery, pauses = a_delivery(), []
    while delivery.status is DeliveryStatus.PENDING:
        attempt = FAILED.model_copy(update={"at": delivery.due_at})
        delivery = delivery.after(attempt)
        pauses.append(None if delivery.due_at is None else delivery.due_at - attempt.at)
    assert pauses == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), None]
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.FAILED, 4)


def test_one_that_arrives_is_done() -> None:
    done = a_delivery().after(FAILED).after(ARRIVED)
    assert (done.status, done.due_at, done.attempt_count) == (DeliveryStatus.DELIVERED, None, 2)
    assert done.last_attempt == ARRIVED


def test_an_attempt_puts_it_off_for_a_lease() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    claimed = a_delivery().claimed(now)
    assert (claimed.due_at, claimed.attempt_count) == (now + LEASE, 0)
    anew = a_delivery().after(ARRIVED).anew(now)
    assert (anew.status, anew.due_at, anew.attempt_count) == (DeliveryStatus.PENDING, now + LEASE, 0)


def test_a_test_is_tried_once() -> None:
    failed = trial_of(a_webhook(), NOW).after(FAILED)
    assert (failed.status, failed.due_at) == (DeliveryStatus.FAILED, None)
