"""Finds a Slack user by e-mail address."""

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
    "users_not_found": "Nobody in this workspace has that e-mail address. Check its spelling, or ask for another one."
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(
        pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$",
        max_length=320,
        description="The person's e-mail address in Slack.",
        examples=["ada@example.com"],
    )


class Output(BaseModel):
    id: str = Field(description="The user's id: post to it for a direct message, or write <@id> to mention them.")
    name: str = Field(description="The name they are shown by.")
    real_name: str = Field(description="Their full name; empty when not set.")
    title: str = Field(description="Their job title; empty when not set.")
    time_zone: str | None = Field(description="Their time zone, an IANA name; null when not known.")
    is_bot: bool = Field(description="Whether it is an app and no person.")
    is_active: bool = Field(description="Whether the account is still in use.")


def run(input: Input) -> Output:
    user = _asked("users.lookupByEmail", {"email": input.email}).get("user") or {}
    profile = user.get("profile") or {}
    return Output(
        id=str(user.get("id", "")),
        name=str(profile.get("display_name") or user.get("name", "")),
        real_name=str(profile.get("real_name") or ""),
        title=str(profile.get("title") or ""),
        time_zone=user.get("tz"),
        is_bot=bool(user.get("is_bot")),
        is_active=not user.get("deleted"),
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
