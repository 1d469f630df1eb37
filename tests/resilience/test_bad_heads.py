"""Heads and addresses that mean nothing, or something else than they seem to, sent to real servers."""

import json

import anyio
import pytest

from tests.resilience import doors
from tests.resilience.doors import ORGANIZATION, Door, called
from tests.resilience.places import Server
from tests.resilience.tools import ECHO_TOOL
from tests.resilience.wire import HOST, Answer, HungUp, connected, request

WITHIN_S = 25
"""Less than a server waits for what does not come."""
ARGUMENTS = b'{"number": 7, "text": "whole"}'
LONG = "a" * 300

pytestmark = pytest.mark.slow

ODD_NAMES = {
    "unknown": "nothing",
    "of 300 characters": LONG,
    "of 5,000 characters": "a" * 5_000,
    "empty": "",
    "NUL": "steady%00tools",
    "a bare NUL": "%00",
    "not UTF-8": "%ff%fe",
    "a slash": "a%2fb",
    "dots": "%2e%2e",
    "a line break": "a%0d%0aX-Injected:%20yes",
    "an escape": "%1b[31m",
    "a quote": "'%20or%201=1--",
    "a percent sign": "%",
    "half an escape": "%e2%82",
    "beyond the BMP": "%f0%9f%8e%88",
    "right to left": "%e2%80%ae",
    "a version of nothing": "steady-tools@",
    "an unknown version": "steady-tools@9.9.9",
    "an endless version": f"steady-tools@{LONG * 10}",
    "an odd version": "steady-tools@%00%ff",
}
PLACES = {
    "ToolSet": "/v1/orgs/default/toolsets/{}",
    "organization": "/v1/orgs/{}/toolsets",
    "version": "/v1/orgs/default/toolsets/steady-tools/versions/{}",
    "run": "/v1/orgs/default/runs/{}",
    "endpoint": "/{}",
    "version in a query": "/v1/orgs/default/toolsets/steady-tools/tools/echo/run?version={}",
    "tool to run": "/v1/orgs/default/toolsets/steady-tools/tools/{}/run",
    "ToolSet to run": "/v1/orgs/default/toolsets/{}/tools/echo/run",
    "organization to run in": "/v1/orgs/{}/toolsets/steady-tools/tools/echo/run",
    "public ToolSet to run": "/v1/public/default/{}/run/echo",
    "public tool to run": "/v1/public/{}/steady-tools/run/echo",
}
MCP_PLACES = {
    "ToolSet": "/v1/orgs/default/toolsets/{}/mcp",
    "organization": "/v1/orgs/{}/mcp",
    "organization of a ToolSet": "/v1/orgs/{}/toolsets/steady-tools/mcp",
    "public ToolSet": "/v1/public/default/{}/mcp",
    "public organization": "/v1/public/{}/steady-tools/mcp",
}


def is_a_clear_refusal(answer: Answer) -> bool:
    """A 4xx that says something, and nothing of our inside."""
    said = answer.body.decode()
    return 400 <= answer.status < 500 and bool(said) and "Traceback" not in said and "x-injected" not in answer.headers


@pytest.mark.parametrize("place", PLACES)
async def test_a_name_of_nothing_is_refused_by_rest(server: Server, place: str) -> None:
    is_call = place.endswith(("to run", "to run in", "query"))
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            for name, written in ODD_NAMES.items():
                target = PLACES[place].format(written)
                call = request("POST", target, doors.headers_of(server.key), ARGUMENTS)
                answer = await connection.ask(call if is_call else server.get(target))
                assert is_a_clear_refusal(answer), (name, answer)


@pytest.mark.parametrize("door", [Door.HANDSHAKE, Door.MODERN])
@pytest.mark.parametrize("place", MCP_PLACES)
async def test_a_name_of_nothing_is_refused_by_mcp(server: Server, door: Door, place: str) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            for name, written in ODD_NAMES.items():
                target = MCP_PLACES[place].format(written)
                for raw in (
                    doors.rpc(door, server.key, target, "tools/list", {}),
                    doors.listen(door, server.key, target),
                ):
                    answer = await connection.ask(raw)
                    assert (answer.status, is_a_clear_refusal(answer)) == (404, True), (name, answer)


async def test_an_unknown_tool_is_refused_by_mcp(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            for door in (Door.HANDSHAKE, Door.MODERN):
                for name in ("nothing", LONG, "a b", "steady-tools__echo"):
                    raw = doors.rpc(door, server.key, ECHO_TOOL.mcp_path, "tools/call", {"name": name})
                    assert (await connection.ask(raw)).json["error"]["data"]["code"] == "tool.not_found"


QUERIES = [
    "limit=0",
    "limit=x",
    f"limit={'9' * 100}",
    "limit=1&limit=2",
    "cursor=%00",
    "cursor=AAAA",
    f"cursor={LONG * 10}",
    "status=x",
    "since=yesterday",
    "since=0000-00-00T00:00:00Z",
    "tool=%00",
    "unknown=1",
    "%ff=%ff",
]


async def test_a_query_that_means_nothing_is_refused(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        answers = {query: await server.ask(f"{ORGANIZATION}/runs?{query}") for query in QUERIES}
    assert {query: answer for query, answer in answers.items() if not is_a_clear_refusal(answer)} == {}


@pytest.mark.parametrize("target", ["/v1/me", ECHO_TOOL.mcp_path])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Big": "x" * 100_000},
        {f"X-Many-{number}": "x" * 100 for number in range(1_000)},
        {"Cookie": "a=b; " * 20_000},
        {"Authorization": "Bearer jtb_" + "x" * 100_000},
    ],
    ids=["one", "many", "a cookie", "a key"],
)
async def test_100_kb_of_headers_are_refused(server: Server, target: str, headers: dict[str, str]) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            raw = request("POST", target, doors.mcp_headers(Door.MODERN, server.key) | headers, b"{}")
            answer = await connection.ask(raw)
    assert (answer.status, is_a_clear_refusal(answer)) == (413, True), answer


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer jtb_\xff\xfe", "Bearer a b c", f"Bearer jtb_{LONG}", "\t"],
)
async def test_a_credential_that_is_none_is_401_at_every_door(server: Server, authorization: str) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            for door in Door:
                target, headers = (
                    (ECHO_TOOL.run_path, doors.headers_of("x"))
                    if door is Door.REST
                    else (ECHO_TOOL.mcp_path, doors.mcp_headers(door, "x"))
                )
                raw = request("POST", target, headers | {"Authorization": authorization}, ARGUMENTS)
                answer = await connection.ask(raw)
                assert (answer.status, is_a_clear_refusal(answer)) == (401, True), answer
                assert "www-authenticate" in answer.headers


def line(text: str) -> bytes:
    """A head that begins with this line, for a host that is known."""
    return f"{text}\r\nHost: {HOST}\r\n\r\n".encode("latin-1")


GET, POST = line("GET /v1/me HTTP/1.1")[:-2], line("POST /v1/me HTTP/1.1")[:-2]

REFUSED = {
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    "the same host twice": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
    "no host": b"GET /v1/me HTTP/1.1\r\n\r\n",
    "another host": b"GET /v1/me HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "another host in the target": b"GET http://evil.example/v1/me HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "an endless length": POST + b"Content-Length: " + b"9" * 99 + b"\r\n\r\n",
    "a length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "an unknown transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a chunk that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a name with a space": b"GET /v1/me HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    "a folded header": GET + b"X-A: b\r\n c\r\n\r\n",
    "NUL in a header": GET + b"X-A: b\x00c\r\n\r\n",
    "NUL in the target": b"GET /v1/\x00me HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "raw bytes in the target": b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a space in the target": line("GET /v1/ me HTTP/1.1"),
    "no target": line("GET  HTTP/1.1"),
    "an asterisk": line("OPTIONS * HTTP/1.1"),
    "a tunnel": line("CONNECT example.org:443 HTTP/1.1"),
    "a target without a path": line("GET http://127.0.0.1 HTTP/1.1"),
    "a target without a slash": line("GET v1/me HTTP/1.1"),
    "an unknown method": line("BREW /v1/me HTTP/1.1"),
    "an endless method": line("G" * 5_000 + " /v1/me HTTP/1.1"),
    "a method in lower case": line("get /v1/me HTTP/1.1"),
    "TRACE": line("TRACE /v1/me HTTP/1.1"),
    "a version to come": line("GET /v1/me HTTP/3.0"),
    "no version": line("GET /v1/me"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "noise": bytes(range(256)) * 4,
    "a long target": line(f"GET /v1/{'a' * 100_000} HTTP/1.1"),
}


async def test_what_is_no_request_of_ours_is_a_4xx(server: Server) -> None:
    unclear: dict[str, Answer] = {}
    for name, raw in REFUSED.items():
        with anyio.fail_after(WITHIN_S):
            async with connected(server.port) as connection:
                answer = await connection.ask(raw)
        if not is_a_clear_refusal(answer):
            unclear[name] = answer
    assert unclear == {}


def echo(server: Server, target: str = ECHO_TOOL.run_path, version: str = "1.1", number: int = 7, **more: str) -> bytes:
    body = json.dumps({"number": number, "text": "whole"}).encode()
    raw = request("POST", target, doors.headers_of(server.key) | more, body)
    return raw.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)


async def test_http_1_0_is_answered_and_the_connection_closed(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            assert called(Door.REST, await connection.ask(echo(server, version="1.0"))).is_success
            assert await connection.is_closed()


async def test_a_target_in_absolute_form_is_answered(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            answer = await connection.ask(echo(server, f"http://{HOST}:{server.port}{ECHO_TOOL.run_path}"))
            assert called(Door.REST, answer).is_success


async def test_pipelined_calls_are_answered_in_their_order(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(b"".join(echo(server, number=number) for number in range(50)))
            outputs = [called(Door.REST, await connection.answer()).output for _ in range(50)]
    assert [output["number"] for output in outputs] == list(range(50))


async def test_after_a_request_that_is_none_the_rest_of_the_connection_is_not_read(server: Server) -> None:
    """What follows a request that two parsers could read differently may be someone else's."""
    before = await server.runs()
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            assert (await connection.ask(REFUSED["two lengths"] + echo(server))).status == 400
            with pytest.raises(HungUp):
                await connection.answer()
    assert await server.runs() == before


async def test_a_client_that_asks_first_is_told_to_go_on(server: Server) -> None:
    head, _, body = echo(server, Expect="100-continue").partition(b"\r\n\r\n")
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(head + b"\r\n\r\n")
            assert (await connection.head())[0] == 100
            assert called(Door.REST, await connection.ask(body)).is_success


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_another_protocol_is_not_switched_to(server: Server, protocol: str) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            raw = echo(server, Connection="Upgrade", Upgrade=protocol)
            assert (await connection.ask(raw)).status in (200, 400, 426)
