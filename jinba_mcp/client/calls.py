"""Calls: one request to the REST face and the form of its answer, as data; nothing here waits for anything."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from jinba_mcp.client.errors import AnswerInvalid

T = TypeVar("T")
Body = Mapping[str, Any]
"""A JSON object to send, with the names that REST uses."""

_SAFE_METHODS = frozenset({"GET", "PUT", "DELETE"})
"""To do it twice is to do it once (RFC 9110, 9.2.2)."""


class Page(TypedDict, Generic[T]):
    """A page of a list; `nextCursor` is None on the last."""

    data: list[T]
    nextCursor: str | None


@dataclass(frozen=True)
class Answer:
    """What came back from a server that did not refuse."""

    body: bytes
    etag: str | None


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request; `path` is below /v1, or below the organization's part of it."""

    method: str
    path: str
    read: Callable[[Answer], T]
    is_in_organization: bool = True
    organization: str | None = None
    """None for the client's own."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    timeout_s: float | None = None
    """For all of it, repeats included; None for the client's own."""

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in _SAFE_METHODS or "Idempotency-Key" in self.headers

    def target(self, organization: str) -> str:
        """The path from the root of the server, for a client of this organization."""
        if not self.is_in_organization:
            return f"/v1{self.path}"
        return f"/v1/orgs/{segment(self.organization or organization)}{self.path}"

    def following(self, page: Page[Any]) -> "Call[T] | None":
        """The call for the next page; None after the last.

        Raises:
            AnswerInvalid: the server sends in circles.
        """
        cursor = page.get("nextCursor")
        if cursor is None:
            return None
        if cursor == self.query.get("cursor"):
            raise AnswerInvalid("The server's list goes round in a circle.")
        return replace(self, query={**self.query, "cursor": cursor})


def segment(name: str) -> str:
    """A name as one segment of a path.

    Raises:
        ValueError: it can be none.
    """
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} cannot be a name")
    return quote(name, safe="@")


def path(*parts: str) -> str:
    """A path of fixed words and names."""
    return "".join(f"/{segment(part)}" for part in parts)


def query_of(**values: str | int | datetime | None) -> dict[str, str]:
    """The parameters that are given; times go out in UTC.

    Raises:
        ValueError: a time without a zone.
    """
    return {name: _parameter(value) for name, value in values.items() if value is not None}


def _parameter(value: str | int | datetime) -> str:
    if not isinstance(value, datetime):
        return str(value)
    if value.tzinfo is None:
        raise ValueError("a time needs a zone, such as datetime.now(UTC) has")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None, which stands for what was not said."""
    return {name: value for name, value in fields.items() if value is not None}


def json_content(body: Body) -> dict[str, Any]:
    """The fields of a call that sends this object.

    Raises:
        ValueError: it holds what JSON has no form for.
    """
    try:
        content = json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except TypeError as error:
        raise ValueError(str(error)) from error
    return {"content": content, "headers": {"Content-Type": "application/json"}}


def guarded(fields: dict[str, Any], if_match: str | None) -> dict[str, Any]:
    """The same fields for a change that is meant for one state only, which `etag` of what was read names."""
    if if_match is None:
        return fields
    return {**fields, "headers": {**fields.get("headers", {}), "If-Match": if_match}}


def document(answer: Answer) -> Any:
    """The JSON object of an answer, with the tag of its state as `etag` where the server gives one.

    Raises:
        AnswerInvalid: it is none.
    """
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise AnswerInvalid("The answer is no JSON; is this the address of a Jinba server?") from error
    if not isinstance(value, dict):
        raise AnswerInvalid("The answer is no JSON object; is this the address of a Jinba server?")
    return value if answer.etag is None else {**value, "etag": answer.etag}


def page(answer: Answer) -> Any:
    """One page of a list.

    Raises:
        AnswerInvalid: it is none.
    """
    value = document(answer)
    cursor = value.get("nextCursor")
    if not isinstance(value.get("data"), list) or not (cursor is None or isinstance(cursor, str)):
        raise AnswerInvalid("The answer is no list; is this the address of a Jinba server?")
    return value


def nothing(_: Answer) -> None:
    """For calls that answer nothing."""


def raw(answer: Answer) -> bytes:
    """The bytes as they are."""
    return answer.body
