"""Lists the pull requests of a repository."""

import os
import time
from typing import Any, Literal

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
    404: "There is no such repository, or the token cannot see it. Check its name.",
    422: "GitHub cannot list by these values. Check head and base.",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repository: str = Field(
        max_length=140, pattern=_REPOSITORY, description="Owner and name.", examples=["octocat/Hello-World"]
    )
    state: Literal["open", "closed", "all"] = Field(default="open", description="Which ones; merged ones are closed.")
    base: str | None = Field(
        default=None, min_length=1, max_length=255, description="Only those into this branch.", examples=["main"]
    )
    head: str | None = Field(
        default=None,
        max_length=300,
        pattern=r"^[^:\s]+:[^:\s]+$",
        description="Only those from this branch, as user:branch.",
        examples=["octocat:new-topic"],
    )
    sort: Literal["created", "updated", "popularity", "long-running"] = Field(
        default="created", description="What to order by."
    )
    order: Literal["desc", "asc"] = Field(default="desc", description="Newest or most first, or oldest or least first.")
    limit: int = Field(default=30, ge=1, le=100, description="The most pull requests in one call.")
    page: int = Field(default=1, ge=1, le=1_000, description="Which page of so many, from 1.")


class PullRequest(BaseModel):
    number: int = Field(description="The number; get-issue reads its text and comments.")
    title: str = Field(description="The title.")
    state: str = Field(description="open or closed.")
    is_draft: bool = Field(description="Whether it is a draft.")
    is_merged: bool = Field(description="Whether it was merged.")
    author: str | None = Field(description="Login of who opened it; null when the account is gone.")
    head: str = Field(description="The branch it comes from, as user:branch.")
    base: str = Field(description="The branch it goes into.")
    labels: list[str] = Field(description="Names of its labels.")
    reviewers: list[str] = Field(description="Logins of those whose review is asked for.")
    created_at: str = Field(description="When it was opened, ISO 8601, UTC.")
    updated_at: str = Field(description="When it last changed, ISO 8601, UTC.")
    url: str = Field(description="The address of its page.")


class Output(BaseModel):
    pull_requests: list[PullRequest] = Field(description="The pull requests of this page.")
    may_have_more: bool = Field(description="Whether the page is full, so that the next one may hold more.")


def run(input: Input) -> Output:
    parameters: dict[str, Any] = {
        "state": input.state,
        "sort": input.sort,
        "direction": input.order,
        "per_page": input.limit,
        "page": input.page,
    }
    parameters |= {name: value for name, value in (("base", input.base), ("head", input.head)) if value}
    found = [_pull_request(raw) for raw in _asked("GET", f"/repos/{input.repository}/pulls", parameters)]
    return Output(pull_requests=found, may_have_more=len(found) == input.limit)


def _pull_request(raw: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=raw["number"],
        title=raw["title"],
        state=raw["state"],
        is_draft=bool(raw.get("draft")),
        is_merged=raw.get("merged_at") is not None,
        author=(raw.get("user") or {}).get("login"),
        head=str(raw["head"].get("label") or raw["head"]["ref"]),
        base=raw["base"]["ref"],
        labels=[label["name"] for label in raw.get("labels", [])],
        reviewers=[person["login"] for person in raw.get("requested_reviewers") or []],
        created_at=raw["created_at"],
        updated_at=raw["updated_at"],
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
