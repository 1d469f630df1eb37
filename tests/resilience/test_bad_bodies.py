"""Bodies that no tool may ever see, sent to real servers by every door."""

import json
import re
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.resilience import doors
from tests.resilience.doors import Door, call
from tests.resilience.places import Server
from tests.resilience.tools import ECHO_TOOL
from tests.resilience.wire import Answer, Connection, connected, request

WITHIN_S = 25
"""Less than a server waits for what does not come."""
MAX_BYTES = 4 * 1024 * 1024
ARGUMENTS = {"number": 7, "text": "whole"}
LARGE_ARGUMENTS = {"number": 7, "text": "x" * MAX_BYTES}

pytestmark = pytest.mark.slow

BREAKINGS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda body: body[:-2],
    "empty text": lambda _: b" ",
    "two documents": lambda body: body + body,
    "not UTF-8": lambda body: body.replace(b"whole", b"\xff\xfe"),
    "a lone surrogate": lambda body: body.replace(b"whole", b"\\udc00"),
    "deeply nested arrays": lambda body: body.replace(b'"whole"', b"[" * 100_000 + b"]" * 100_000),
    "deeply nested objects": lambda body: body.replace(b'"whole"', b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "nested just as deep as can be read": lambda body: body.replace(b'"whole"', b"[" * 190 + b"]" * 190),
    "never closed": lambda _: b"[" * 1_000_000,
    "not a number": lambda body: body.replace(b"7", b"NaN"),
    "infinity": lambda body: body.replace(b"7", b"-Infinity"),
    "beyond a double": lambda body: body.replace(b"7", b"1e999"),
    "too many digits": lambda body: body.replace(b"7", b"7" * 5_000),
    "a batch of 10,000": lambda body: b"[" + b",".join([body] * 10_000) + b"]",
    "a number": lambda _: b"7",
    "null": lambda _: b"null",
    "an unknown argument only": lambda body: body.replace(b'"text"', b'"txt"'),
    "a wrong type": lambda body: body.replace(b'"whole"', b"[]"),
}


def body_of(door: Door) -> bytes:
    """A small whole one; 10,000 of it are less than what a server reads."""
    if door is Door.REST:
        return json.dumps(ARGUMENTS).encode()
    params: dict[str, Any] = {"name": ECHO_TOOL.name, "arguments": ARGUMENTS}
    if door is Door.MODERN:
        params["_meta"] = doors.modern_meta() | {"io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def head_of(door: Door, server: Server) -> tuple[str, dict[str, str]]:
    """Where a call goes, and with which headers."""
    if door is Door.REST:
        return ECHO_TOOL.run_path, doors.headers_of(server.key)
    routed = {"Mcp-Method": "tools/call", "Mcp-Name": ECHO_TOOL.name} if door is Door.MODERN else {}
    return ECHO_TOOL.mcp_path, doors.mcp_headers(door, server.key) | routed


def says_what_is_wrong(door: Door, answer: Answer) -> bool:
    """A 4xx with words, or what a model gets to read in its place when a call as such was understood."""
    told = answer.json
    if "Traceback" in str(told) or 'File "' in str(told):
        return False
    if door is Door.REST:
        return 400 <= answer.status < 500 and bool(told["detail"]) and bool(told["code"])
    if answer.status == 200:
        return bool(told["result"]["isError"] and told["result"]["content"][0]["text"])
    return 400 <= answer.status < 500 and bool(told["error"]["message"])


async def refusals(server: Server, door: Door, requests: dict[str, bytes]) -> dict[str, Answer]:
    """The answers to requests that are sent one after the other; each connection must stay of use after its request."""
    answers: dict[str, Answer] = {}
    for name, raw in requests.items():
        with anyio.fail_after(WITHIN_S):
            async with connected(server.port) as connection:
                answers[name] = await connection.ask(raw)
                again = await connection.ask(call(door, server.key, ECHO_TOOL, ARGUMENTS))
                assert doors.called(door, again).output == {**ARGUMENTS, "doubled": 14}, name
    return answers


@pytest.mark.parametrize("door", Door)
async def test_a_body_that_cannot_be_used_is_refused_in_words(server: Server, door: Door) -> None:
    target, headers = head_of(door, server)
    bodies = {name: break_(body_of(door)) for name, break_ in BREAKINGS.items()}
    assert max(map(len, bodies.values())) < MAX_BYTES
    answers = await refusals(
        server, door, {name: request("POST", target, headers, body) for name, body in bodies.items()}
    )
    assert {name: answer for name, answer in answers.items() if not says_what_is_wrong(door, answer)} == {}


@pytest.mark.parametrize("door", Door)
async def test_a_body_that_claims_to_be_something_else_is_refused(server: Server, door: Door) -> None:
    target, headers = head_of(door, server)
    claims = [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity, br"},
    ]
    answers = await refusals(
        server, door, {str(claim): request("POST", target, headers | claim, body_of(door)) for claim in claims}
    )
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(map(str, claims), 415)
    assert {name: answer for name, answer in answers.items() if not says_what_is_wrong(door, answer)} == {}


async def _answer_though_it_may_hang_up(connection: Connection, raw: bytes) -> Answer:
    """The answer to a request that is refused while it is still being sent."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.send, raw)
        answer = await connection.answer()
        tasks.cancel_scope.cancel()
    return answer


@pytest.mark.parametrize("door", Door)
async def test_a_body_over_4_mb_is_refused(server: Server, door: Door) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            raw = call(door, server.key, ECHO_TOOL, LARGE_ARGUMENTS)
            answer = await _answer_though_it_may_hang_up(connection, raw)
    assert answer.status == 413, answer.body[:500]
    assert says_what_is_wrong(door, answer)


@pytest.mark.parametrize("door", Door)
async def test_a_body_that_only_announces_to_be_over_4_mb_is_refused_unread(server: Server, door: Door) -> None:
    target, headers = head_of(door, server)
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            raw = request("POST", target, headers | {"Content-Length": "99999999999"})
            assert (await connection.ask(raw)).status == 413


@pytest.mark.parametrize("door", Door)
async def test_a_body_over_4_mb_in_chunks_is_refused_before_it_ends(server: Server, door: Door) -> None:
    target, headers = head_of(door, server)
    chunk = b"%x\r\n%b\r\n" % (2**16, b" " * 2**16)
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            raw = request("POST", target, headers | {"Transfer-Encoding": "chunked"})
            answer = await _answer_though_it_may_hang_up(connection, raw + chunk * (MAX_BYTES // 2**16 + 1))
    assert answer.status == 413, answer


@pytest.mark.parametrize("door", Door)
async def test_a_body_in_small_chunks_is_read_as_one(server: Server, door: Door) -> None:
    raw = call(door, server.key, ECHO_TOOL, ARGUMENTS)
    head, _, body = raw.partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    chunks = b"".join(b"1;ignored=yes\r\n%c\r\n" % letter for letter in body)
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            answer = await connection.ask(head + b"\r\n\r\n" + chunks + b"0\r\nTrailer: ignored\r\n\r\n")
    assert doors.called(door, answer).is_success
