"""Posts a message to a Slack channel."""

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk import WebClient  # Slack's own client
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

_TIMEOUT_S = 15
_TOO_MANY = 429
_UNUSABLE = "Slack gave no usable answer ({}). Try again in a minute."
_TOKEN_FAULTS = {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"}
_FAULTS = {
    "channel_not_found": "There is no such channel, or the bot cannot see it. Check the name, or invite the bot.",
    "not_in_channel": "The bot is not in that channel. Invite it with /invite, or add the scope chat:write.public.",
    "is_archived": "That channel is archived. Choose another one.",
    "msg_too_long": "The text is too long for Slack. Split it.",
    "no_text": "Slack found no text to post. Give a text that is not blank.",
    "restricted_action": "The workspace's settings do not let this bot post there. Ask its administrator.",
    "cannot_reply_to_message": "That message cannot be replied to. Post without thread_ts.",
    "message_not_found": "There is no message with that thread_ts in the channel. Leave it out or correct it.",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channel: str = Field(
        min_length=1,
        max_length=100,
        description="Where to post: a channel's name or id, or a user's id for a direct message.",
        examples=["#general", "C024BE91L"],
    )
    text: str = Field(
        min_length=1,
        max_length=40_000,
        description="The message, in Slack's mrkdwn (*bold*, _italic_, <https://example.com|link>, <@U012AB3CD>).",
        examples=["Hello from Jinba!"],
    )
    thread_ts: str | None = Field(
        default=None,
        pattern=r"^\d{1,12}\.\d{1,9}$",
        description="The `ts` of a message to reply to in its thread; without it a new message is posted.",
        examples=["1503435956.000247"],
    )
    unfurl_links: bool = Field(default=False, description="Whether Slack may show previews of links.")


class Output(BaseModel):
    ok: bool = Field(description="True: Slack took the message; a refusal is an error.")
    channel: str = Field(description="Id of the channel it stands in.", examples=["C024BE91L"])
    ts: str = Field(description="The message's id in that channel; pass it as thread_ts to reply to it.")


def run(input: Input) -> Output:
    arguments = {
        "channel": input.channel,
        "text": input.text,
        "unfurl_links": "true" if input.unfurl_links else "false",
        "unfurl_media": "true" if input.unfurl_links else "false",
    }
    if input.thread_ts is not None:
        arguments["thread_ts"] = input.thread_ts
    answer = _asked("chat.postMessage", arguments)
    return Output(ok=True, channel=str(answer.get("channel", "")), ts=str(answer.get("ts", "")))


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
