"""Lists the channels of a Slack workspace that the bot can see."""

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk import WebClient  # Slack's own client
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

_TIMEOUT_S = 15
_TOO_MANY = 429
_PAGE = 200
_MAX_PAGES = 10
_UNUSABLE = "Slack gave no usable answer ({}). Try again in a minute."
_TOKEN_FAULTS = {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"}
_FAULTS = {"invalid_cursor": "The cursor is not one that Slack gave, or it is too old. List from the start."}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name_contains: str = Field(
        default="", max_length=80, description="List only channels whose name contains this, in any letter case."
    )
    include_private: bool = Field(
        default=False, description="List private channels that the bot is in, too; needs the scope groups:read."
    )
    include_archived: bool = Field(default=False, description="List archived channels, too.")
    limit: int = Field(
        default=100,
        ge=1,
        le=1_000,
        description="Stop when so many are found. With `name_contains`, all that stand on the same page are given.",
    )
    cursor: str | None = Field(
        default=None, min_length=1, max_length=500, description="`next_cursor` of the last call, to go on from there."
    )


class Channel(BaseModel):
    id: str = Field(description="The channel's id.", examples=["C024BE91L"])
    name: str = Field(description="Its name without the #.")
    topic: str = Field(description="Its topic; empty when none is set.")
    purpose: str = Field(description="What it is for; empty when not said.")
    is_private: bool = Field(description="Whether only its members see it.")
    is_archived: bool = Field(description="Whether it is archived.")
    is_member: bool = Field(description="Whether the bot is in it.")
    member_count: int | None = Field(description="How many members it has; null when Slack does not say.")


class Output(BaseModel):
    channels: list[Channel] = Field(description="The channels in Slack's order.")
    next_cursor: str | None = Field(description="Pass it as `cursor` to list more; null at the end.")


def run(input: Input) -> Output:
    wanted, cursor, found = input.name_contains.strip().lstrip("#").lower(), input.cursor, list[Channel]()
    for _ in range(_MAX_PAGES):
        answer = _asked("conversations.list", _arguments(input, cursor, input.limit - len(found)))
        channels = answer.get("channels") or []
        found += [_channel(channel) for channel in channels if wanted in str(channel.get("name", "")).lower()]
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None or len(found) >= input.limit:
            break
    return Output(channels=found, next_cursor=cursor)


def _arguments(wanted: Input, cursor: str | None, room: int) -> dict[str, Any]:
    arguments = {
        "types": "public_channel,private_channel" if wanted.include_private else "public_channel",
        "exclude_archived": "false" if wanted.include_archived else "true",
        # Never more than there is room for: a cursor points behind a whole page. Most of what is sifted falls away.
        "limit": str(_PAGE if wanted.name_contains else min(room, _PAGE)),
    }
    return arguments | ({"cursor": cursor} if cursor else {})


def _channel(raw: dict[str, Any]) -> Channel:
    return Channel(
        id=str(raw.get("id", "")),
        name=str(raw.get("name", "")),
        topic=str((raw.get("topic") or {}).get("value", "")),
        purpose=str((raw.get("purpose") or {}).get("value", "")),
        is_private=bool(raw.get("is_private")),
        is_archived=bool(raw.get("is_archived")),
        is_member=bool(raw.get("is_member")),
        member_count=raw.get("num_members"),
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
