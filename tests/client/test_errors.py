"""The client's errors are the server's."""

import json

import pytest

from jinba_mcp.client import errors
from jinba_mcp.client.errors import FAMILIES, AnswerInvalid, LimitExceeded, Refused, Unavailable, refusal
from jinba_mcp.faces.web.problems import STATUS


def test_every_status_that_the_server_has_is_a_class_of_its_own() -> None:
    assert set(STATUS.values()) - FAMILIES.keys() == set()
    of_server = [FAMILIES[status] for status in STATUS.values()]
    assert len(set(of_server)) == len(set(STATUS.values()))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    named = {line.lstrip("│├└ ").split(" ", 1)[0] for line in (errors.__doc__ or "").splitlines()[2:] if line}
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert named == classes


def test_a_status_that_nobody_knows_is_still_a_refusal() -> None:
    error = refusal(418, json.dumps({"code": "teapot", "detail": "short and stout"}).encode())
    assert type(error) is Refused
    assert (str(error), error.status, error.code, error.request_id) == ("short and stout", 418, "teapot", None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"code": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_problem_comes_from_no_jinba_server(body: bytes) -> None:
    assert isinstance(refusal(404, body), AnswerInvalid)


@pytest.mark.parametrize(("status", "family"), [(429, LimitExceeded), (503, Unavailable)])
def test_a_proxy_may_speak_for_the_server_when_it_is_busy(status: int, family: type[Refused]) -> None:
    error = refusal(status, b"<html>busy</html>")
    assert isinstance(error, family)
    assert (error.status, error.code) == (status, "")
