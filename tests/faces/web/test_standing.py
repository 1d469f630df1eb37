"""The head of an answer tells how its request was counted, once."""

from jinba_mcp.core.limits import Counted
from jinba_mcp.domain.errors import RateExceeded
from jinba_mcp.domain.limits import Standing, per_minute
from jinba_mcp.faces.web import standing

COUNTED = Counted("key", per_minute(9), Standing(is_taken=True, remaining=4, reset_s=30.2))


def test_a_counted_request_is_told_and_seconds_are_rounded_up() -> None:
    scope: dict[str, object] = {"type": "http"}
    standing.note(scope, COUNTED)
    assert standing.said(scope) == [(b"ratelimit-policy", b'"key";q=9;w=60'), (b"ratelimit", b'"key";r=4;t=31')]


def test_a_refusal_says_how_its_own_limit_stands() -> None:
    told = standing.of_refusal(RateExceeded("tool", 1, 60, 7))
    assert told == {"RateLimit-Policy": '"tool";q=1;w=60', "RateLimit": '"tool";r=0;t=7'}


def test_a_request_that_was_not_counted_says_nothing() -> None:
    assert standing.said({"type": "http"}) == []
    assert standing.said({"type": "http", **_uncounted()}) == []


def _uncounted() -> dict[str, object]:
    scope: dict[str, object] = {}
    standing.note(scope, None)
    return scope
