"""Reads a file of a repository on GitHub."""

import base64
import os
import time
from typing import Any, Literal
from urllib.parse import quote

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
    404: "There is no such file, branch or repository, or the token cannot see it. Check all three.",
}
_MAX_LISTED = 200


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repository: str = Field(
        max_length=140, pattern=_REPOSITORY, description="Owner and name.", examples=["octocat/Hello-World"]
    )
    path: str = Field(
        default="",
        max_length=1_000,
        description="The file's path from the top of the repository; a folder's path lists the folder.",
        examples=["src/main.py"],
    )
    ref: str | None = Field(
        default=None, min_length=1, max_length=255, description="Branch, tag or commit; without it the default branch."
    )
    max_characters: int = Field(default=50_000, ge=1, le=500_000, description="Cut the text there.")


class Entry(BaseModel):
    path: str = Field(description="The path from the top of the repository.")
    kind: str = Field(description="file, dir, symlink or submodule.")
    size: int = Field(description="Bytes of a file; 0 for others.")


class Output(BaseModel):
    path: str = Field(description="The path that was read.")
    kind: Literal["file", "dir"] = Field(description="Whether it is a file or a folder.")
    text: str | None = Field(description="The file's text; null for a folder.")
    truncated: bool = Field(description="Whether text or list was cut.")
    size: int = Field(description="Bytes of the whole file; of a folder, how many entries it has.")
    sha: str | None = Field(description="Git's hash of the file; null for a folder.")
    entries: list[Entry] = Field(description="What the folder holds, at most 200 entries; empty for a file.")


def run(input: Input) -> Output:
    path = input.path.strip("/")
    if ".." in path.split("/"):
        raise ValueError("The path must not hold '..'. Give it from the top of the repository.")
    parameters = {"ref": input.ref} if input.ref else None
    raw = _asked("GET", f"/repos/{input.repository}/contents/{quote(path)}", parameters)
    return _folder(path, raw) if isinstance(raw, list) else _file(raw, input.max_characters)


def _folder(path: str, raw: list[dict[str, Any]]) -> Output:
    entries = [Entry(path=item["path"], kind=item["type"], size=item.get("size", 0)) for item in raw[:_MAX_LISTED]]
    return Output(
        path=path, kind="dir", text=None, truncated=len(raw) > _MAX_LISTED, size=len(raw), sha=None, entries=entries
    )


def _file(raw: dict[str, Any], max_characters: int) -> Output:
    if raw.get("type") != "file":
        raise ValueError(f"That is a {raw.get('type')!s:.40}, not a file. Read what it points to.")
    if raw.get("encoding") != "base64":
        raise ValueError(f"The file has {raw.get('size')} bytes; GitHub hands out at most 1 MB in this way.")
    try:
        text = base64.b64decode(raw["content"]).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("The file is not text in UTF-8. Download it instead.") from None
    return Output(
        path=raw["path"],
        kind="file",
        text=text[:max_characters],
        truncated=len(text) > max_characters,
        size=raw["size"],
        sha=raw["sha"],
        entries=[],
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
