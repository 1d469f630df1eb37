"""Repeats, deadlines and bounds, against servers that follow a script."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from jinba_mcp.client import (
    AnswerInvalid,
    AsyncJinba,
    ConnectionFailed,
    DeadlineExceeded,
    LimitExceeded,
    NotFound,
    Retries,
    Unavailable,
    exchange,
)
from tests.client.conftest import Script

OK: dict[str, Any] = {"data": [], "nextCursor": None}


def problem(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"status": status, "code": code, "detail": "no", "requestId": "req-1"}
    return httpx2.Response(status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were slept, or would have been."""
    delays: list[float] = []

    async def sleep(delay_s: float) -> None:
        delays.append(delay_s)

    monkeypatch.setattr(exchange.anyio, "sleep", sleep)  # type: ignore[attr-defined]  # what it imports
    return delays


async def variables(client: AsyncJinba) -> list[Any]:
    return [each async for each in client.env.list("greeting-tools")]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_read_that_is_put_off_is_repeated_when_the_server_says(status: int, slept: list[float]) -> None:
    script = Script([problem(status, "later", Retry_After="7"), httpx2.Response(200, json=OK)])
    async with script.client() as client:
        assert await variables(client) == []
    assert slept == [7.0]


async def test_repeats_wait_longer_each_time_and_end(slept: list[float]) -> None:
    script = Script(problem(503, "unavailable") for _ in range(9))
    async with script.client(Retries(count=3, first_s=1, longest_s=3)) as client:
        with pytest.raises(Unavailable) as refused:
            await variables(client)
    assert (refused.value.code, refused.value.request_id) == ("unavailable", "req-1")
    assert len(script.requests) == 4
    assert all(low <= delay <= high for delay, (low, high) in zip(slept, [(0.5, 1), (1, 2), (1.5, 3)], strict=True))


async def test_what_would_come_after_the_deadline_is_not_waited_for(slept: list[float]) -> None:
    script = Script([problem(429, "limit.exceeded", Retry_After="3600")])
    async with script.client() as client:
        with pytest.raises(LimitExceeded):
            await variables(client)
    assert slept == []


async def test_a_change_without_a_key_is_sent_once(slept: list[float]) -> None:
    for line in (problem(503, "unavailable"), httpx2.ReadError("cut off")):
        script = Script([line])
        async with script.client() as client:
            with pytest.raises((Unavailable, ConnectionFailed)):
                await client.versions.publish("greeting-tools")
        assert len(script.requests) == 1
    assert slept == []


async def test_a_change_that_never_went_out_is_sent_again(slept: list[float]) -> None:
    script = Script([httpx2.ConnectError("refused"), httpx2.Response(201, json={"version": "1.0.0"})])
    async with script.client() as client:
        assert (await client.versions.publish("greeting-tools"))["version"] == "1.0.0"
    assert len(slept) == 1


async def test_a_run_is_repeated_under_the_same_key_of_its_own(slept: list[float]) -> None:
    ended = httpx2.Response(200, json={"success": True})
    script = Script([httpx2.ReadError("cut off"), problem(503, "server.shutting_down"), ended, ended])
    async with script.client() as client:
        await client.run("greeting-tools", "greet", {"name": "Al"})
        await client.run("greeting-tools", "greet", {"name": "Al"})
    keys = [request.headers["Idempotency-Key"] for request in script.requests]
    assert (keys[0] == keys[1] == keys[2], keys[3] == keys[0]) == (True, False)
    assert {request.content for request in script.requests} == {b'{"input":{"name":"Al"}}'}


async def test_a_server_that_is_not_there_is_a_failed_connection(slept: list[float]) -> None:
    script = Script(httpx2.ConnectError("refused") for _ in range(9))
    async with script.client(Retries(count=1)) as client:
        with pytest.raises(ConnectionFailed, match=r"http://jinba\.test"):
            await variables(client)
    assert len(script.requests) == 2


async def test_the_deadline_holds_however_the_server_trickles() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(0.001)

    script = Script([httpx2.Response(200, content=trickle())])
    async with script.client(timeout_s=0.05) as client:
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await variables(client)


async def test_the_deadline_of_one_call_can_be_its_own() -> None:
    async def silence() -> AsyncIterator[bytes]:
        await anyio.sleep_forever()
        yield b""

    script = Script([httpx2.Response(200, content=silence())])
    async with script.client() as client:
        with pytest.raises(DeadlineExceeded):
            await client.run("greeting-tools", "greet", timeout_s=0.05)


async def test_an_answer_is_bounded() -> None:
    script = Script([httpx2.Response(200, json={"data": ["x" * 2000], "nextCursor": None})])
    async with script.client(max_response_bytes=1000) as client:
        with pytest.raises(AnswerInvalid, match="larger than 1000 bytes"):
            await variables(client)


async def test_a_refusal_is_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_PROBLEM_BYTES", 10)
    async with Script([problem(404, "toolset.not_found")]).client() as client:
        with pytest.raises(AnswerInvalid):
            await variables(client)


async def test_compression_that_nobody_asked_for_is_not_unpacked() -> None:
    script = Script([httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=_each(b"bomb"))])
    async with script.client() as client:
        with pytest.raises(AnswerInvalid, match="compressed"):
            await variables(client)
    assert script.requests[0].headers["Accept-Encoding"] == "identity"


async def _each(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_redirect_is_not_followed() -> None:
    script = Script([httpx2.Response(302, headers={"Location": "http://elsewhere.test/"})])
    async with script.client() as client:
        with pytest.raises(AnswerInvalid, match="does not look like a Jinba server"):
            await variables(client)
    assert len(script.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": 1}', b'{"data": [], "nextCursor": 1}', b"[" * 100_000])
async def test_what_is_no_list_is_no_answer(body: bytes) -> None:
    async with Script([httpx2.Response(200, content=body)]).client() as client:
        with pytest.raises(AnswerInvalid):
            await variables(client)


async def test_pages_are_fetched_as_they_are_asked_for() -> None:
    pages = [{"data": [1, 2], "nextCursor": "c1"}, {"data": [3], "nextCursor": None}]
    script = Script(httpx2.Response(200, json=page) for page in pages)
    async with script.client() as client:
        items: AsyncIterator[Any] = client.runs.list(status="failed", limit=2)
        assert [await anext(items), await anext(items)] == [1, 2]
        assert len(script.requests) == 1
        assert [item async for item in items] == [3]
    assert [str(request.url.query, "ascii") for request in script.requests] == [
        "status=failed&limit=2",
        "status=failed&limit=2&cursor=c1",
    ]


async def test_a_list_that_goes_round_in_a_circle_ends() -> None:
    script = Script(httpx2.Response(200, json={"data": [1], "nextCursor": "same"}) for _ in range(9))
    async with script.client() as client:
        with pytest.raises(AnswerInvalid, match="circle"):
            await variables(client)


async def test_a_refusal_says_all_that_the_server_said() -> None:
    said = {"status": 404, "code": "tool.not_found", "detail": "No tool 'x'.", "requestId": "r", "near": ["y"]}
    async with Script([httpx2.Response(404, content=json.dumps(said))]).client() as client:
        with pytest.raises(NotFound, match=r"^No tool 'x'\.$") as refused:
            await client.tools.get("greeting-tools", "x")
    error = refused.value
    assert (error.status, error.code, error.request_id, error.details) == (404, "tool.not_found", "r", {"near": ["y"]})
