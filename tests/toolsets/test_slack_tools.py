"""slack-tools against a server that speaks Slack's Web API (shapes from docs.slack.dev, September 2026)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.toolsets.local_server import Answer, Request, Server, serving
from tests.toolsets.packaged import caller
from tests.toolsets.running import ArgumentsRefused

TOKEN = "xoxb-not-a-real-token"
call = caller("slack-tools")


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(lambda _: said(ok=False, error="unknown_method")) as server:
        monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
        monkeypatch.setenv("SLACK_API_URL", f"{server.url}/api/")
        yield server


def said(*, status: int = 200, headers: dict[str, str] | None = None, **answer: Any) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(json.dumps(answer).encode(), status, kind | (headers or {}))


def channel(number: int) -> dict[str, Any]:
    return {
        "id": f"C{number:08}",
        "name": f"team-{number}",
        "is_channel": True,
        "is_private": False,
        "is_archived": False,
        "is_member": number == 1,
        "topic": {"value": "Work", "creator": "W012A3CDE", "last_set": 1449709364},
        "purpose": {"value": "Talk of work", "creator": "", "last_set": 0},
        "num_members": 4,
    }


def test_a_message_is_posted_as_the_bot(slack: Server) -> None:
    slack.respond = lambda _: said(
        ok=True, channel="C123456", ts="1503435956.000247", message={"type": "message", "text": "Here's a message"}
    )
    output = call("post-message", channel="#general", text="Grüße & <https://example.com|link>")
    assert output == {"ok": True, "channel": "C123456", "ts": "1503435956.000247"}
    request = slack.requests[0]
    assert (request.method, request.path) == ("POST", "/api/chat.postMessage")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (request.form["channel"], request.form["text"]) == ("#general", "Grüße & <https://example.com|link>")
    assert "thread_ts" not in request.form


def test_a_reply_names_its_thread(slack: Server) -> None:
    slack.respond = lambda _: said(ok=True, channel="C123456", ts="1503435957.000248")
    call("post-message", channel="C123456", text="Yes", thread_ts="1503435956.000247", unfurl_links=True)
    assert slack.requests[0].form["thread_ts"] == "1503435956.000247"
    assert slack.requests[0].form["unfurl_links"] == "true"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("channel_not_found", "no such channel"),
        ("not_in_channel", "Invite it with /invite"),
        ("is_archived", "archived"),
        ("msg_too_long", "Split it"),
        ("invalid_auth", r"refuses the token \(invalid_auth\)"),
        ("something_new", "Slack refuses this: something_new"),
    ],
)
def test_what_slack_refuses_is_said_in_a_sentence(slack: Server, error: str, sentence: str) -> None:
    slack.respond = lambda _: said(ok=False, error=error)
    with pytest.raises(RuntimeError, match=sentence) as raised:
        call("post-message", channel="#nowhere", text="Hello")
    assert TOKEN not in str(raised.value)
    assert len(slack.requests) == 1


def test_a_missing_scope_is_named(slack: Server) -> None:
    slack.respond = lambda _: said(ok=False, error="missing_scope", needed="channels:read", provided="chat:write")
    with pytest.raises(RuntimeError, match="lacks the scope 'channels:read'"):
        call("list-channels")


def test_a_rate_limit_says_how_long_to_wait_and_is_not_tried_again(slack: Server) -> None:
    slack.respond = lambda _: said(status=429, headers={"Retry-After": "37"}, ok=False, error="ratelimited")
    with pytest.raises(RuntimeError, match="Call again in 37 seconds"):
        call("post-message", channel="#general", text="Hello")
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"}),
        Answer(b"{not json", 200, {"Content-Type": "application/json"}),
        Answer(b'["a list"]', 200, {"Content-Type": "application/json"}),
        Answer(b"\x1f\x8b\x08\x00", 200, {"Content-Type": "application/gzip"}),
    ],
    ids=["a page of a proxy", "broken JSON", "a list", "bytes"],
)
def test_nonsense_from_the_server_is_a_sentence(slack: Server, answer: Answer) -> None:
    slack.respond = lambda _: answer
    with pytest.raises(RuntimeError, match="Slack gave no usable answer"):
        call("find-user", email="ada@example.com")


def test_no_connection_is_a_sentence(slack: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:1/api/")
    with pytest.raises(RuntimeError, match="Slack gave no usable answer"):
        call("list-channels")


def test_without_a_token_the_message_says_which_secret_to_set(slack: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    with pytest.raises(RuntimeError, match="Set the bot token"):
        call("post-message", channel="#general", text="Hello")
    assert slack.requests == []


def test_the_token_is_never_sent_in_the_clear(slack: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://slack.com/api/")
    with pytest.raises(RuntimeError, match="must begin with https"):
        call("post-message", channel="#general", text="Hello")


def test_channels_are_listed_page_by_page(slack: Server) -> None:
    def respond(request: Request) -> Answer:
        first = int(request.form.get("cursor", "0"))
        count = int(request.form["limit"])
        more = first + count < 500
        return said(
            ok=True,
            channels=[channel(number) for number in range(first, min(first + count, 500))],
            response_metadata={"next_cursor": str(first + count) if more else ""},
        )

    slack.respond = respond
    output = call("list-channels", limit=250)
    assert [found["id"] for found in output["channels"]] == [f"C{number:08}" for number in range(250)]
    assert output["channels"][1] == {
        "id": "C00000001",
        "name": "team-1",
        "topic": "Work",
        "purpose": "Talk of work",
        "is_private": False,
        "is_archived": False,
        "is_member": True,
        "member_count": 4,
    }
    rest = call("list-channels", limit=1_000, cursor=output["next_cursor"])
    assert (len(rest["channels"]), rest["next_cursor"]) == (250, None)
    named = call("list-channels", name_contains="#TEAM-33", limit=5)
    assert [found["name"] for found in named["channels"]] == ["team-33", *(f"team-33{n}" for n in range(10))]


def test_looking_for_a_channel_ends_after_ten_pages(slack: Server) -> None:
    slack.respond = lambda _: said(ok=True, channels=[channel(1)], response_metadata={"next_cursor": "again"})
    output = call("list-channels", name_contains="nowhere", include_private=True, include_archived=True)
    assert (output["channels"], output["next_cursor"], len(slack.requests)) == ([], "again", 10)
    assert slack.requests[0].form["types"] == "public_channel,private_channel"
    assert slack.requests[0].form["exclude_archived"] == "false"


def test_messages_come_with_time_sender_and_files(slack: Server) -> None:
    first = {"type": "message", "user": "U012AB3CDE", "text": "What?", "ts": "1512085950.000216", "reply_count": 2}
    second: dict[str, Any] = {
        "type": "message",
        "subtype": "bot_message",
        "bot_id": "B1",
        "text": "x" * 9_000,
        "ts": "1512104434.000490",
    }
    second["files"] = [{"id": "F1", "name": "plan.pdf"}]
    slack.respond = lambda _: said(
        ok=True, messages=[second, first], has_more=True, response_metadata={"next_cursor": "bmV4dA=="}
    )
    output = call("read-messages", channel="C024BE91L", limit=2)
    assert output["messages"][1] == {
        "ts": "1512085950.000216",
        "time": "2017-11-30T23:52:30+00:00",
        "user": "U012AB3CDE",
        "text": "What?",
        "reply_count": 2,
        "file_names": [],
    }
    assert (output["messages"][0]["user"], output["messages"][0]["file_names"]) == ("B1", ["plan.pdf"])
    assert len(output["messages"][0]["text"]) == 4_000
    assert output["next_cursor"] == "bmV4dA=="
    assert slack.requests[0].path == "/api/conversations.history"


def test_a_thread_is_read_by_its_first_message(slack: Server) -> None:
    slack.respond = lambda _: said(ok=True, messages=[], has_more=False)
    call("read-messages", channel="C024BE91L", thread_ts="1512085950.000216", cursor="bmV4dA==")
    assert slack.requests[0].path == "/api/conversations.replies"
    assert slack.requests[0].form == {
        "channel": "C024BE91L",
        "limit": "20",
        "cursor": "bmV4dA==",
        "ts": "1512085950.000216",
    }


def test_a_user_is_found_by_address(slack: Server) -> None:
    slack.respond = lambda _: said(
        ok=True,
        user={
            "id": "W012A3CDE",
            "name": "ada",
            "deleted": False,
            "tz": "Europe/London",
            "profile": {"display_name": "", "real_name": "Ada Lovelace", "title": "Analyst"},
            "is_bot": False,
        },
    )
    assert call("find-user", email="ada@example.com") == {
        "id": "W012A3CDE",
        "name": "ada",
        "real_name": "Ada Lovelace",
        "title": "Analyst",
        "time_zone": "Europe/London",
        "is_bot": False,
        "is_active": True,
    }
    slack.respond = lambda _: said(ok=False, error="users_not_found")
    with pytest.raises(RuntimeError, match="Nobody in this workspace"):
        call("find-user", email="eve@example.com")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("post-message", {"channel": "#general", "text": ""}),
        ("post-message", {"channel": "#general", "text": "x" * 40_001}),
        ("post-message", {"channel": "#general", "text": "x", "thread_ts": "now"}),
        ("read-messages", {"channel": "#general"}),
        ("find-user", {"email": "ada"}),
    ],
)
def test_arguments_that_cannot_work_never_reach_slack(slack: Server, tool: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsRefused):
        call(tool, **arguments)
    assert slack.requests == []
