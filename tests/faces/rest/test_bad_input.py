"""Input that is wrong in every way we could think of: a clear 4xx or a failed run, never a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinba_mcp.domain.pages import encode_cursor
from jinba_mcp.domain.sources import SourceTool
from tests.faces.rest.conftest import ECHO, MAX_BODY_BYTES, Rest, Serve

RUN = "/v1/orgs/default/toolsets/echo-tools/tools/echo/run"
RUNS = "/v1/orgs/default/runs"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def echo(serve: Serve, database_url: str) -> AsyncIterator[Rest]:
    """On each kind of database, since they differ in what they take."""
    async with serve(database_url) as rest:
        tool = SourceTool(slug="echo", code=ECHO, input_schema={"type": "object"})
        await rest.push("echo-tools", tools=(tool,))
        yield rest


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "truncated": (b'{"name": "Al', 400, "request.malformed"),
    "only a list": (b"[]", 400, "request.malformed"),
    "a batch of 10,000": (json.dumps([{"name": "Al"}] * 10_000).encode(), 400, "request.malformed"),
    "only text": (b'"name"', 400, "request.malformed"),
    "null": (b"null", 400, "request.malformed"),
    "white space": (b"  ", 400, "request.malformed"),
    "nested too deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "request.malformed"),
    "Latin-1": ('{"name": "Zoë"}'.encode("latin-1"), 400, "request.malformed"),
    "UTF-16": ('{"name": "Al"}'.encode("utf-16"), 400, "request.malformed"),
    "NaN": (b'{"name": NaN}', 400, "request.malformed"),
    "Infinity": (b'{"name": -Infinity}', 400, "request.malformed"),
    "a number beyond all": (b'{"name": 1e999}', 400, "request.malformed"),
    "a lone surrogate": (b'{"name": "\\ud800"}', 400, "request.malformed"),
    "more after the end": (b'{} {"name": 1}', 400, "request.malformed"),
    "too large": (b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}', 413, "request.too_large"),
}


async def test_bodies_that_are_no_use_are_refused_with_a_reason(echo: Rest) -> None:
    for name, (body, status, code) in REFUSED.items():
        response = await echo.ask("POST", RUN, "execute", content=body, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (status, code), name
        assert response.json()["detail"], name


STRANGE: dict[str, bytes] = {
    "NUL in a value": b'{"name": "a\\u0000b"}',
    "NUL in a key": b'{"a\\u0000b": 1}',
    "as deep as JSON goes": b'{"a":' * 190 + b"1" + b"}" * 190,
    "a number of 4,000 digits": b'{"name": ' + b"9" * 4_000 + b"}",
    "a key twice": b'{"name": 1, "name": 2}',
    "an emoji": '{"name": "🦜"}'.encode(),
    "an empty name": b'{"": 1}',
    "10,000 fields": json.dumps({f"k{n}": n for n in range(10_000)}).encode(),
}


async def test_strange_arguments_are_run_or_refused(echo: Rest) -> None:
    for name, body in STRANGE.items():
        response = await echo.ask("POST", RUN, "execute", content=body, headers=JSON)
        assert response.status_code in (200, 400), f"{name}: {response.text}"
        listed = await echo.ask("GET", RUNS, "read", params={"limit": 1})
        assert listed.status_code == 200, name


async def test_bodies_of_another_type_are_refused(echo: Rest) -> None:
    headers: list[dict[str, str]] = [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ]
    for each in headers:
        response = await echo.ask("POST", RUN, "execute", content=b"{}", headers=each)
        assert (response.status_code, response.json()["code"]) == (415, "request.media_type"), each
    for accepted in ("application/json; charset=UTF-8", "application/vnd.api+json", 'APPLICATION/JSON;charset="utf-8"'):
        response = await echo.ask("POST", RUN, "execute", content=b"{}", headers={"Content-Type": accepted})
        assert response.status_code == 200, accepted


PATHS = [
    "/v1/orgs/%00/toolsets",
    "/v1/orgs/default/toolsets/%00",
    "/v1/orgs/default/toolsets/" + "x" * 201,
    "/v1/orgs/default/toolsets/%FF%FE",
    "/v1/orgs/default/toolsets/%2e%2e%2f",
    "/v1/orgs/default/toolsets/%0d%0aX-Evil:1",
    "/v1/orgs/default/toolsets/echo-tools/versions/%00",
    "/v1/orgs/default/toolsets/echo-tools/versions/1.0.0/diff/%E2%80%AE",
    "/v1/orgs/default/runs/%00",
    "/v1/orgs/default/runs/run_%F0%9F%A6%9C",
    "/v1/orgs/default/api-keys/%00",
    "/v1/explore/toolsets/%00/%00",
    "/v1/explore/toolsets/default/%ZZ",
]


async def test_junk_in_paths_is_not_found(echo: Rest) -> None:
    for path in PATHS:
        response = await echo.ask("GET", path, "read")
        assert response.status_code == 404, f"{path}: {response.text}"
        assert response.json()["code"].endswith("not_found"), path
    assert (await echo.ask("POST", RUN.replace("tools/echo/", "tools/%00/"), "execute")).status_code == 404
    assert (await echo.ask("DELETE", "/v1/orgs/default/api-keys/%00", "admin")).status_code == 404


QUERIES: list[tuple[str, str]] = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=-1", "limit"),
    ("limit=many", "limit"),
    ("limit=1e2", "limit"),
    ("limit=" + "9" * 5_000, "limit"),
    ("limit=", "limit"),
    ("limit=1&limit=2", "limit"),
    ("status=done", "status"),
    ("source=fax", "source"),
    ("tool=%00", "tool"),
    ("keyId=" + "k" * 201, "keyId"),
    ("since=yesterday", "since"),
    ("since=2026", "since"),
    ("since=2026-01-01T00:00:00", "since"),
    ("until=9999-12-31T23:59:59-01:00", "until"),
    ("since=2026-13-01T00:00:00Z", "since"),
    ("cursor=" + "x" * 1_001, "cursor"),
    ("stauts=success", "stauts"),
    ("%00=1", "\x00"),
]


async def test_parameters_that_cannot_be_are_named(echo: Rest) -> None:
    for query, parameter in QUERIES:
        response = await echo.ask("GET", f"{RUNS}?{query}", "read")
        assert response.status_code == 400, query
        assert response.json()["errors"][0]["parameter"] == parameter, query


async def test_a_mistyped_parameter_is_answered_with_the_right_one(echo: Rest) -> None:
    response = await echo.ask("GET", RUNS + "?stauts=success", "read")
    assert "did you mean 'status'" in response.json()["detail"]


async def test_too_many_parameters_are_refused(echo: Rest) -> None:
    response = await echo.ask("GET", RUNS + "?" + "&".join(f"p{n}=1" for n in range(200)), "read")
    assert (response.status_code, response.json()["code"]) == (400, "request.invalid")


async def test_cursors_that_no_list_gave_out_are_refused(rest: Rest) -> None:
    for path in (RUNS, "/v1/orgs", "/v1/orgs/default/toolsets", "/v1/orgs/default/api-keys"):
        for cursor in ("", "!", "é", "A", "AAAA", encode_cursor("a\x00b"), encode_cursor("x" * 201)):
            response = await rest.ask("GET", path, "read", params={"cursor": cursor})
            assert (response.status_code, response.json()["code"]) == (400, "cursor.invalid"), f"{path} {cursor}"


async def test_a_cursor_of_another_list_is_at_worst_an_empty_page(echo: Rest) -> None:
    for cursor in (encode_cursor("zzz"), encode_cursor("1.0.0"), encode_cursor("🦜")):
        for path in (RUNS, "/v1/orgs/default/toolsets", "/v1/orgs/default/toolsets/echo-tools/versions"):
            response = await echo.ask("GET", path, "read", params={"cursor": cursor})
            assert response.status_code in (200, 400), f"{path} {cursor}: {response.text}"


async def test_explore_takes_no_more_than_it_says(rest: Rest) -> None:
    for query, parameter in [("limit=101", "limit"), ("offset=-1", "offset"), ("offset=" + "9" * 30, "offset")]:
        response = await rest.ask("GET", f"/v1/explore/toolsets?{query}")
        assert (response.status_code, response.json()["errors"][0]["parameter"]) == (400, parameter)
    response = await rest.ask("GET", "/v1/explore/toolsets?q=%25_%5C%27")
    assert (response.status_code, response.json()["total"]) == (200, 0)


async def test_unknown_fields_are_named_with_the_nearest_known_one(rest: Rest) -> None:
    response = await rest.ask("POST", "/v1/orgs/default/api-keys", "admin", json={"name": "k", "expireAt": None})
    fault = response.json()["errors"][0]
    assert fault["pointer"] == "/expireAt"
    assert "did you mean 'expiresAt'" in fault["detail"]


async def test_a_head_that_is_too_large_is_refused(rest: Rest) -> None:
    response = await rest.ask("GET", "/v1/me", "read", headers={"X-Long": "x" * 100_000}, checked=False)
    assert (response.status_code, response.json()["code"]) == (413, "request.too_large")


async def test_refused_requests_leave_no_key_behind(rest: Rest) -> None:
    async def ids() -> list[str]:
        return [key["id"] for key in (await rest.ask("GET", "/v1/orgs/default/api-keys", "admin")).json()["data"]]

    before = await ids()
    bodies: list[Any] = [{"name": "k", "scopes": ["all"]}, {"name": 1}, {"name": "k", "more": 1}]
    for body in bodies:
        assert (await rest.ask("POST", "/v1/orgs/default/api-keys", "admin", json=body)).status_code == 400
    assert await ids() == before
