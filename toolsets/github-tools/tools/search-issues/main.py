"""Searches issues and pull requests on GitHub."""

import os
import time
from typing import Any, Literal

import requests
from github import Auth, Github, GithubException  # the client for GitHub's REST API
from pydantic import BaseModel, ConfigDict, Field

_TIMEOUT_S = 15
_MAX_WAIT_S = 3_600
_LIMITED = {403, 429}
_FAULTS = {
    401: "GitHub does not accept the token. Set a valid one as GITHUB_TOKEN.",
    403: "The token may not do this. Give it the permission for this repository.",
    422: "GitHub cannot search for this. Correct the query's qualifiers, for example repo:owner/name.",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str = Field(
        min_length=1,
        max_length=256,
        description="Words and qualifiers: repo:, is:issue, is:pr, is:open, author:, label:, updated:>2026-01-01.",
        examples=["repo:octocat/Hello-World is:issue is:open label:bug crash"],
    )
    sort: Literal["best-match", "created", "updated", "comments", "reactions"] = Field(
        default="best-match", description="What to order by."
    )
    order: Literal["desc", "asc"] = Field(default="desc", description="Most or newest first, or least or oldest first.")
    limit: int = Field(default=20, ge=1, le=100, description="The most results in one call.")
    page: int = Field(default=1, ge=1, le=1_000, description="Which page of so many results, from 1.")


class Found(BaseModel):
    repository: str = Field(description="Owner and name of the repository.")
    number: int = Field(description="Its number there; get-issue reads it.")
    title: str = Field(description="The title.")
    is_pull_request: bool = Field(description="Whether it is a pull request.")
    state: str = Field(description="open or closed.")
    author: str | None = Field(description="Login of who opened it; null when the account is gone.")
    labels: list[str] = Field(description="Names of its labels.")
    comment_count: int = Field(description="How many comments it has.")
    created_at: str = Field(description="When it was opened, ISO 8601, UTC.")
    updated_at: str = Field(description="When it last changed, ISO 8601, UTC.")
    url: str = Field(description="The address of its page.")


class Output(BaseModel):
    total_count: int = Field(description="How many there are; GitHub lets only the first 1,000 be read.")
    is_complete: bool = Field(description="False when GitHub ran out of time and there may be more.")
    results: list[Found] = Field(description="The results of this page.")


def run(input: Input) -> Output:
    parameters: dict[str, Any] = {"q": input.query, "per_page": input.limit, "page": input.page, "order": input.order}
    if input.sort != "best-match":
        parameters["sort"] = input.sort
    answer = _asked("GET", "/search/issues", parameters)
    return Output(
        total_count=answer["total_count"],
        is_complete=not answer["incomplete_results"],
        results=[_found(item) for item in answer["items"]],
    )


def _found(raw: dict[str, Any]) -> Found:
    return Found(
        repository="/".join(str(raw["repository_url"]).rsplit("/", 2)[-2:]),
        number=raw["number"],
        title=raw["title"],
        is_pull_request="pull_request" in raw,
        state=raw["state"],
        author=(raw.get("user") or {}).get("login"),
        labels=[label["name"] for label in raw.get("labels", [])],
        comment_count=raw.get("comments", 0),
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
