"""Comments on an issue or pull request."""

import os
import time
from typing import Any

import requests
from github import Auth, Github, GithubException  # the client for GitHub's REST API
from pydantic import BaseModel, ConfigDict, Field

_TIMEOUT_S = 15
_MAX_WAIT_S = 3_600
_LIMITED = {403, 429}
_REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_FAULTS = {
    401: "GitHub does not accept the token. Set a valid one as GITHUB_TOKEN.",
    403: "The token may not do this. Give it the permission for this repository.",
    404: "There is no such issue, or the token cannot see the repository. Check both.",
    410: "That issue was deleted.",
    422: "GitHub does not take this text. Shorten it.",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    repository: str = Field(
        max_length=140, pattern=_REPOSITORY, description="Owner and name.", examples=["octocat/Hello-World"]
    )
    number: int = Field(ge=1, le=1_000_000_000, description="The issue's or pull request's number.", examples=[1347])
    body: str = Field(min_length=1, max_length=65_536, description="The comment in GitHub's Markdown.")


class Output(BaseModel):
    id: int = Field(description="The comment's id.")
    url: str = Field(description="The address of the comment.")
    created_at: str = Field(description="When it was written, ISO 8601, UTC.")


def run(input: Input) -> Output:
    path = f"/repos/{input.repository}/issues/{input.number}/comments"
    raw = _asked("POST", path, body={"body": input.body})
    return Output(id=raw["id"], url=raw["html_url"], created_at=raw["created_at"])


def _asked(verb: str, path: str, parameters: dict[str, Any] | None = None, body: dict[str, Any] | None = None) -> Any:
    try:
        _, answer = _client().requester.requestJsonAndCheck(verb, path, parameters=parameters, input=body)
    except GithubException as error:
        raise RuntimeError(_sentence(error)) from None
    except (requests.RequestException, ValueError, AssertionError) as error:
        raise RuntimeError(f"GitHub gave no usable answer ({type(error).__name__}). Try again in a minute.") from None
    return answer


def _client() -> Github:
    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise RuntimeError("GITHUB_TOKEN is not set. Set a GitHub personal access token as this secret.")
    url = (os.environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
    # The token goes wherever this points; in the clear only to this very machine.
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise RuntimeError("GITHUB_API_URL must begin with https://.")
    # Neither retries nor pauses of its own: whoever calls decides when to try again.
    return Github(
        auth=Auth.Token(token),
        base_url=url,
        timeout=_TIMEOUT_S,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


def _sentence(error: GithubException) -> str:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    wait_s = _wait_s(headers)
    said = str(error.data.get("message", "") if isinstance(error.data, dict) else "").strip()[:300]
    if error.status in _LIMITED and (wait_s is not None or "rate limit" in said.lower()):
        return f"GitHub's rate limit is reached. Call again in {wait_s or 60} seconds, not before."
    if error.status in _FAULTS:
        return f"{_FAULTS[error.status]} (GitHub says: {said or error.status})"
    return f"GitHub refuses this with status {error.status}: {said or 'no reason given'}."


def _wait_s(headers: dict[str, str]) -> int | None:
    """Seconds to wait: Retry-After, or until the reset of a limit that is used up."""
    if headers.get("retry-after", "").isdigit():
        return min(int(headers["retry-after"]), _MAX_WAIT_S)
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(1, min(int(headers["x-ratelimit-reset"]) - int(time.time()), _MAX_WAIT_S))
    return None
