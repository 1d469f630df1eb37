"""Which refusals of well-formed requests count as right."""

import json

import pytest

from jinba_mcp.domain import errors
from tests.fuzz import verdicts


def refused(code: str, *details: str) -> bytes:
    return json.dumps({"code": code, "errors": [{"detail": detail} for detail in details]}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, refused("cursor.invalid")),
        (503, refused("sandbox.unavailable")),
        (400, refused("request.invalid", "this time has passed already")),
        (400, refused("request.invalid", "must be https", "not an IP network such as 10.0.0.0/8")),
    ],
)
def test_a_refusal_for_what_is_meant_is_right(status: int, body: bytes) -> None:
    assert verdicts.is_right(status, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, refused("internal")),
        (500, refused("cursor.invalid")),
        (503, refused("unavailable")),
        (400, refused("request.invalid")),
        (400, refused("request.invalid", "String should have at most 200 characters")),
        (400, refused("request.invalid", "must be https", "Field required")),
        (400, refused("request.malformed")),
        (400, b"Invalid HTTP request received."),
    ],
)
def test_any_other_is_a_finding(status: int, body: bytes) -> None:
    assert not verdicts.is_right(status, body)


def test_every_code_that_is_let_through_is_one_of_ours() -> None:
    known = {error.code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "code")}
    assert verdicts.CODES.keys() <= known
