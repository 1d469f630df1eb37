"""Reads one issue or pull request with its comments."""

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
}
_MAX_TEXT_CHARACTERS = 20_000
_MAX_COMMENT_CHARACTERS = 5_000


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repository: str = Field(
        max_length=140, pattern=_REPOSITORY, description="Owner and name.", examples=["octocat/Hello-World"]
    )
    number: int = Field(ge=1, le=1_000_000_000, description="The issue's or pull request's number.", examples=[1347])
    max_comments: int = Field(default=30, ge=0, le=100, description="The most comments, oldest first; 0 for none.")
    comments_page: int = Field(default=1, ge=1, le=1_000, description="Which page of so many comments, from 1.")


class Comment(BaseModel):
    author: str | None = Field(description="Login of who wrote it; null when the account is gone.")
    created_at: str = Field(description="When, ISO 8601, UTC.")
    body: str = Field(description="The text in Markdown, cut at 5,000 characters.")
    url: str = Field(description="The address of the comment.")


class Output(BaseModel):
    number: int = Field(description="The number in the repository.")
    title: str = Field(description="The title.")
    is_pull_request: bool = Field(description="Whether it is a pull request.")
    state: str = Field(description="open or closed.")
    state_reason: str | None = Field(description="Why it is closed: completed, not_planned, duplicate; null otherwise.")
    author: str | None = Field(description="Login of who opened it; null when the account is gone.")
    body: str = Field(description="The text in Markdown, cut at 20,000 characters.")
    labels: list[str] = Field(description="Names of its labels.")
    assignees: list[str] = Field(description="Logins of who it is assigned to.")
    milestone: str | None = Field(description="Title of its milestone; null for none.")
    created_at: str = Field(description="When it was opened, ISO 8601, UTC.")
    updated_at: str = Field(description="When it last changed, ISO 8601, UTC.")
    closed_at: str | None = Field(description="When it was closed; null while it is open.")
    url: str = Field(description="The address of its page.")
    comment_count: int = Field(description="How many comments it has in all.")
    comments: list[Comment] = Field(description="The comments of this page, without those on lines of code.")


def run(input: Input) -> Output:
    path = f"/repos/{input.repository}/issues/{input.number}"
    raw = _asked("GET", path)
    comments = []
    if input.max_comments and raw.get("comments"):
        page = {"per_page": input.max_comments, "page": input.comments_page}
        comments = [_comment(comment) for comment in _asked("GET", f"{path}/comments", page)]
    return Output(
        number=raw["number"],
        title=raw["title"],
        is_pull_request="pull_request" in raw,
        state=raw["state"],
        state_reason=raw.get("state_reason"),
        author=(raw.get("user") or {}).get("login"),
        body=(raw.get("body") or "")[:_MAX_TEXT_CHARACTERS],
        labels=[label["name"] for label in raw.get("labels", [])],
        assignees=[person["login"] for person in raw.get("assignees") or []],
        milestone=(raw.get("milestone") or {}).get("title"),
        created_at=raw["created_at"],
        updated_at=raw["updated_at"],
        closed_at=raw.get("closed_at"),
        url=raw["html_url"],
        comment_count=raw.get("comments", 0),
        comments=comments,
    )


def _comment(raw: dict[str, Any]) -> Comment:
    return Comment(
        author=(raw.get("user") or {}).get("login"),
        created_at=raw["created_at"],
        body=(raw.get("body") or "")[:_MAX_COMMENT_CHARACTERS],
        url=raw["html_url"],
    )


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
