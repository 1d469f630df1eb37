"""Webhooks: what they want, when they are given up, and what their events say."""

from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.domain import webhooks
from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId, RunId, UserId, WebhookId
from jinba_mcp.domain.runs import RunError, RunStatus
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.webhooks import DISABLED_AFTER, EventName, Webhook

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOME = OrganizationId("org_1")
REMOVED = webhooks.member_removed(HOME, UserId("user_1"), NOW)


def a_webhook(**changes: object) -> Webhook:
    return Webhook(
        id=WebhookId("wh_1"),
        organization_id=HOME,
        url="https://example.com",
        events=(EventName.MEMBER_REMOVED,),
        sealed="sealed",
        created_at=NOW,
        updated_at=NOW,
    ).model_copy(update=changes)


def an_ending(status: RunStatus, error: RunError | None = None) -> Ending:
    return Ending(
        id=RunId("run_1"),
        organization_id=HOME,
        toolset_slug="greeting-tools",
        tool_slug="greet",
        version="1.0.0",
        status=status,
        error=error,
        isolation=None,
        key_name=None,
        key_prefix=None,
        user_id=None,
        client=None,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=1.5),
    )


def test_it_wants_what_it_asked_for_while_enabled_and_since_it_is_there() -> None:
    assert a_webhook().wants(REMOVED)
    assert not a_webhook(events=(EventName.MEMBER_ADDED,)).wants(REMOVED)
    assert not a_webhook(is_enabled=False).wants(REMOVED)
    assert not a_webhook(created_at=NOW + timedelta(microseconds=1)).wants(REMOVED)


def test_the_third_failure_in_a_row_disables_it() -> None:
    webhook = a_webhook()
    for count in range(1, DISABLED_AFTER):
        webhook = webhook.failed(NOW)
        assert (webhook.failure_count, webhook.is_enabled, webhook.disabled_at) == (count, True, None)
    webhook = webhook.failed(NOW)
    assert (webhook.failure_count, webhook.is_enabled, webhook.disabled_at) == (3, False, NOW)
    later = webhook.failed(NOW + timedelta(days=1))
    assert (later.is_enabled, later.disabled_at) == (False, NOW)
    anew = webhook.enabled(is_enabled=True)
    assert (anew.failure_count, anew.is_enabled, anew.disabled_at) == (0, True, None)


def test_secrets_are_random_and_say_what_they_are() -> None:
    assert webhooks.new_secret() != webhooks.new_secret()
    assert webhooks.new_secret().startswith("whsec_")
    assert len(webhooks.new_secret()) == len("whsec_") + 43


def test_a_run_that_succeeded_is_completed() -> None:
    event = webhooks.run_ended(an_ending(RunStatus.SUCCESS))
    assert (event.name, event.organization_id, event.at) == ("tool.run.completed", HOME, NOW + timedelta(seconds=1.5))
    assert event.data == {
        "runId": "run_1",
        "toolSetSlug": "greeting-tools",
        "toolSlug": "greet",
        "status": "success",
        "durationMs": 1500,
    }


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.CANCELLED])
def test_any_other_end_is_a_failure_with_the_error_bounded_and_without_code(status: RunStatus) -> None:
    error = RunError(name="ValueError", message="x" * 5_000, traceback="File main.py")
    event = webhooks.run_ended(an_ending(status, error))
    assert (event.name, event.data["status"]) == ("tool.run.failed", status.value)
    assert event.data["error"] == {"name": "ValueError", "message": "x" * 2_000}
    assert "error" not in webhooks.run_ended(an_ending(status)).data


def test_a_run_that_never_began_has_no_duration() -> None:
    never = an_ending(RunStatus.FAILED)._replace(started_at=None, finished_at=None)
    event = webhooks.run_ended(never)
    assert (event.data["durationMs"], event.at) == (None, NOW)


def test_the_body_is_event_timestamp_and_data() -> None:
    event = webhooks.member_added(HOME, UserId("user_1"), "ada@example.com", Role.ADMIN, NOW)
    assert webhooks.body_of(event.name, event.at, event.data) == {
        "event": "member.added",
        "timestamp": "2026-11-21T12:00:00.000Z",
        "data": {"userId": "user_1", "email": "ada@example.com", "role": "admin"},
    }
