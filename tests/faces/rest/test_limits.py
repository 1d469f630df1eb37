"""Limits over REST: what is counted, what the head of each answer says of it, and what `GET /me` tells."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from jinba_mcp.domain.limits import Quota, Quotas
from tests.faces.rest.conftest import Rest, Serve

Limited = Callable[..., AbstractAsyncContextManager[Rest]]
UNKNOWN = "jtb_0000000000000000000000000000000000000000000000000000"


@pytest.fixture
def limited(serve: Serve, sqlite_url: str) -> Limited:
    """`async with limited(key=Quota(…)) as rest`."""
    return lambda **quotas: serve(sqlite_url, quotas=Quotas(**quotas))


async def test_every_answer_says_how_the_key_stands(limited: Limited) -> None:
    async with limited(key=Quota(per_minute=2)) as rest:
        first = await rest.ask("GET", "/v1/me", "read")
        rest.clock.advance(seconds=10)
        second = await rest.ask("GET", "/v1/orgs/default/runs/unknown", "read")
    assert first.headers["RateLimit-Policy"] == second.headers["RateLimit-Policy"] == '"key";q=2;w=60'
    assert (first.headers["RateLimit"], second.headers["RateLimit"]) == ('"key";r=1;t=60', '"key";r=0;t=50')
    assert second.status_code == 404


async def test_a_refused_request_says_which_limit_it_was_and_when_to_come_again(limited: Limited) -> None:
    async with limited(key=Quota(per_minute=1)) as rest:
        await rest.ask("GET", "/v1/me", "read")
        refused = await rest.ask("GET", "/v1/me", "read")
        rest.clock.advance(seconds=60)
        assert (await rest.ask("GET", "/v1/me", "read")).status_code == 200
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["RateLimit-Policy"] == '"key";q=1;w=60'
    assert refused.headers["RateLimit"] == '"key";r=0;t=60'
    body = refused.json()
    assert (body["code"], body["limit"], body["allowed"], body["retryAfter"]) == ("limit.rate", "key", 1, 60)


async def test_the_window_that_is_nearest_to_its_end_is_told(limited: Limited) -> None:
    async with limited(key=Quota(per_minute=10, per_day=3)) as rest:
        answer = await rest.ask("GET", "/v1/me", "read")
    assert answer.headers["RateLimit"] == '"key";r=2;t=86400'


async def test_a_key_with_a_rate_of_its_own_shows_and_keeps_it(rest: Rest) -> None:
    made = await rest.ask("POST", "/v1/orgs/default/api-keys", "admin", json={"name": "slow", "rateLimit": 1})
    assert made.json()["rateLimit"] == 1
    secret = made.json()["key"]
    me = await rest.ask("GET", "/v1/me", secret=secret)
    assert me.json()["limits"]["key"] == {"perMinute": 1, "perDay": None, "atOnce": None}
    assert (await rest.ask("GET", "/v1/me", secret=secret)).status_code == 429
    path = f"/v1/orgs/default/api-keys/{made.json()['id']}"
    changed = await rest.ask("PATCH", path, "admin", json={"rateLimit": None})
    assert changed.json()["rateLimit"] is None
    assert (await rest.ask("GET", "/v1/me", secret=secret)).status_code == 200


@pytest.mark.parametrize("rate", [0, -1, 1.5, "9", 1_000_001])
async def test_a_rate_that_is_none_is_refused(rest: Rest, rate: object) -> None:
    answer = await rest.ask("POST", "/v1/orgs/default/api-keys", "admin", json={"name": "x", "rateLimit": rate})
    assert answer.json()["errors"][0]["pointer"] == "/rateLimit"


async def test_me_tells_all_that_limits_the_key(limited: Limited) -> None:
    quotas = {"key": Quota(per_minute=9, at_once=2), "organization": Quota(per_day=8), "tool": Quota(per_minute=7)}
    async with limited(**quotas) as rest:
        told = (await rest.ask("GET", "/v1/me", "read")).json()["limits"]
    assert told["key"] == {"perMinute": 9, "perDay": None, "atOnce": 2}
    assert told["organization"] == {"perMinute": None, "perDay": 8, "atOnce": None}
    assert told["tool"] == {"perMinute": 7, "perDay": None, "atOnce": None}


async def test_wrong_keys_count_for_their_address_and_right_ones_still_get_in(limited: Limited) -> None:
    async with limited(address=Quota(per_minute=2)) as rest:
        for secret in ("nonsense", UNKNOWN):
            assert (await rest.ask("GET", "/v1/me", secret=secret)).status_code == 401
        refused = await rest.ask("GET", "/v1/me", secret=UNKNOWN)
        assert (refused.status_code, refused.json()["limit"]) == (429, "address")
        assert (await rest.ask("GET", "/v1/me")).status_code == 429
        assert (await rest.ask("GET", "/v1/me", "read")).status_code == 200


async def test_what_needs_no_key_counts_for_the_address_but_probes_do_not(limited: Limited) -> None:
    async with limited(address=Quota(per_minute=1)) as rest:
        assert (await rest.ask("GET", "/v1/explore/tags")).headers["RateLimit"] == '"address";r=0;t=60'
        assert (await rest.ask("GET", "/v1/explore/tags")).status_code == 429
        for path in ("/healthz", "/readyz", "/metrics", "/docs/errors"):
            assert (await rest.ask("GET", path)).status_code == 200


async def test_a_tool_that_is_run_too_often_is_429_too(limited: Limited) -> None:
    async with limited(tool=Quota(per_minute=1)) as rest:
        await rest.push()
        path = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
        assert (await rest.ask("POST", path, "execute", json={"name": "Ada"})).status_code == 200
        refused = await rest.ask("POST", path, "execute", json={"name": "Ada"})
    assert (refused.status_code, refused.json()["limit"]) == (429, "tool")
    assert refused.headers["RateLimit-Policy"] == '"tool";q=1;w=60'


async def test_nothing_is_said_where_nothing_is_limited(rest: Rest) -> None:
    assert "RateLimit" not in (await rest.ask("GET", "/v1/me", "read")).headers
