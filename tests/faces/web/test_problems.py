"""One table for every error, and the shape and headers of what it is answered with."""

import json
from typing import Any

import pytest

from jinba_mcp import logs
from jinba_mcp.domain import errors
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.faces.web import problems
from jinba_mcp.faces.web.problems import problem


def _tree(parent: type[JinbaError]) -> list[type[JinbaError]]:
    return [*parent.__subclasses__(), *(found for child in parent.__subclasses__() for found in _tree(child))]


def body(error: JinbaError) -> Any:
    return json.loads(bytes(problem(error).body))


@pytest.mark.parametrize("family", JinbaError.__subclasses__())
def test_every_family_has_a_status(family: type[JinbaError]) -> None:
    assert family in problems.STATUS


@pytest.mark.parametrize("error", _tree(JinbaError))
def test_every_error_has_the_status_of_its_family(error: type[JinbaError]) -> None:
    family = error.__mro__[error.__mro__.index(JinbaError) - 1]
    assert problems.status_of(error) == problems.STATUS[family]


def test_an_error_names_code_request_and_details() -> None:
    token = logs.request_id.set("req-1")
    try:
        found = body(errors.ScopeMissing("write", ["read"]))
    finally:
        logs.request_id.reset(token)
    assert found == {
        "type": "/docs/errors#error-scope-missing",
        "title": "Forbidden",
        "status": 403,
        "detail": "This needs the scope 'write'; this key holds: read.",
        "code": "scope.missing",
        "requestId": "req-1",
        "required": "write",
        "held": ["read"],
    }


def test_details_never_replace_what_the_problem_itself_says() -> None:
    assert body(JinbaErrorWithStatus("x", status=200, code="fine"))["status"] == 409


class JinbaErrorWithStatus(errors.Conflict):
    code = "conflict"


def test_a_lone_surrogate_in_a_message_is_still_json() -> None:
    assert body(errors.Invalid("\ud800"))["detail"] == "\ud800"


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.KeyMissing(), "www-authenticate", 'Bearer realm="jinba"'),
        (errors.KeyUnknown(), "www-authenticate", 'Bearer realm="jinba", error="invalid_token"'),
        (errors.LimitExceeded("slow down", retryAfter=7), "retry-after", "7"),
        (errors.LimitExceeded("slow down"), "retry-after", "1"),
        (errors.ShuttingDown(), "retry-after", "5"),
        (problems.method_not_allowed("PUT", "GET, HEAD"), "allow", "GET, HEAD"),
        (errors.Internal(), "content-type", "application/problem+json"),
    ],
)
def test_each_status_carries_the_header_that_it_asks_for(error: JinbaError, header: str, value: str) -> None:
    assert problem(error).headers[header] == value


def test_a_method_that_is_too_long_is_cut() -> None:
    assert len(problems.method_not_allowed("X" * 1_000, "GET").message) < 100
