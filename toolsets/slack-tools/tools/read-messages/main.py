"""Reads the messages of a Slack channel or of one thread in it."""

import datetime as dt
import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk import WebClient  # Slack's own client
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

_TIMEOUT_S = 15
_TOO_MANY = 429
_MAX_TEXT_CHARACTERS = 4_000
_UNUSABLE = "Slack gave no usable answer ({}). Try again in a minute."
_TOKEN_FAULTS = {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"}
_FAULTS = {
    "channel_not_found": "There is no channel with that id, or the bot cannot see it. Find it with list-channels.",
    "not_in_channel": "The bot is not in that channel. Invite it with /invite, then read again.",
    "thread_not_found": "There is no thread with that thread_ts in the channel. Read the channel to find it.",
    "invalid_cursor": "The cursor is not one that Slack gave, or it is too old. Read from the start.",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channel: str = Field(
        pattern=r"^[CDG][A-Z0-9]{2,30}$",
        description="The channel's id (not its name; list-channels finds it).",
        examples=["C024BE91L"],
    )
    thread_ts: str | None = Field(
        default=None,
        pattern=r"^\d{1,12}\.\d{1,9}$",
        description="The `ts` of a thread's first message, to read that thread instead of the channel.",
        examples=["1503435956.000247"],
    )
    limit: int = Field(default=20, ge=1, le=200, description="The most messages to read in one call.")
    cursor: str | None = Field(
        default=None, min_length=1, max_length=500, description="`next_cursor` of the last call, to read on."
    )


class Message(BaseModel):
    ts: str = Field(description="The message's id in the channel; pass it as thread_ts to read or write replies.")
    time: str = Field(description="When it was sent: ISO 8601, UTC.")
    user: str | None = Field(description="Id of who sent it, or of the app; null for Slack itself.")
    text: str = Field(description="The text in Slack's mrkdwn, cut at 4,000 characters.")
    reply_count: int = Field(description="How many replies its thread has.")
    file_names: list[str] = Field(description="Names of files that hang on it.")


class Output(BaseModel):
    messages: list[Message] = Field(description="A channel's newest message first; a thread's oldest first.")
    next_cursor: str | None = Field(description="Pass it as `cursor` to read on; null at the end.")


def run(input: Input) -> Output:
    arguments = {"channel": input.channel, "limit": str(input.limit)}
    if input.cursor is not None:
        arguments["cursor"] = input.cursor
    if input.thread_ts is None:
        answer = _asked("conversations.history", arguments)
    else:
        answer = _asked("conversations.replies", arguments | {"ts": input.thread_ts})
    return Output(
        messages=[_message(message) for message in answer.get("messages") or []],
        next_cursor=(answer.get("response_metadata") or {}).get("next_cursor") or None,
    )


def _message(raw: dict[str, Any]) -> Message:
    ts = str(raw.get("ts", "0"))
    sent = dt.datetime.fromtimestamp(float(ts), dt.UTC)
    return Message(
        ts=ts,
        time=sent.isoformat(timespec="seconds"),
        user=raw.get("user") or raw.get("bot_id"),
        text=str(raw.get("text", ""))[:_MAX_TEXT_CHARACTERS],
        reply_count=int(raw.get("reply_count", 0)),
        file_names=[str(file.get("name", "")) for file in raw.get("files") or []],
    )


def _asked(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = _client().api_call(method, data=arguments).data
    except SlackApiError as error:
        raise RuntimeError(_sentence(error.response)) from None
    # The last is what the client raises for JSON that is no object.
    except (SlackClientError, OSError, ValueError, AttributeError) as error:
        raise RuntimeError(_UNUSABLE.format(type(error).__name__)) from None
    if not isinstance(answer, dict):
        raise RuntimeError(_UNUSABLE.format("no JSON"))  # noqa: TRY004  no type that the caller gave
    return answer


def _client() -> WebClient:
    token = os.environ.get("SLACK_BOT_TOKEN", "").strip()
    if not token:
        raise RuntimeError("SLACK_BOT_TOKEN is not set. Set the bot token (xoxb-…) of a Slack app as this secret.")
    url = os.environ.get("SLACK_API_URL") or "https://slack.com/api/"
    # The token goes wherever this points; in the clear only to this very machine.
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise RuntimeError("SLACK_API_URL must begin with https://.")
    return WebClient(token, base_url=url, timeout=_TIMEOUT_S, retry_handlers=[])


def _sentence(answer: SlackResponse) -> str:
    found = answer.data if isinstance(answer.data, dict) else {}
    code = str(found.get("error", ""))
    if answer.status_code == _TOO_MANY or code == "ratelimited":
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return f"Slack's rate limit is reached. Call again in {headers.get('retry-after', '60')} seconds, not before."
    if code == "missing_scope":
        return (
            f"The Slack app lacks the scope '{found.get('needed', 'needed')!s:.100}'. Add it and install the app again."
        )
    if code in _TOKEN_FAULTS:
        return f"Slack refuses the token ({code}). Set a valid bot token as SLACK_BOT_TOKEN."
    if not code.isidentifier():
        return _UNUSABLE.format(f"HTTP status {answer.status_code}")
    return _FAULTS.get(code, f"Slack refuses this: {code:.100}.")
