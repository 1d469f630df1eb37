"""Plain HTTP through the proxy, byte by byte: bodies, answers that end early or badly, and what is no one request."""

import asyncio
from collections.abc import Callable

import anyio
import pytest

from tests.sandbox.egress.worlds import PUBLIC, Serve, Site, closed, hello, world

HOST = "api.example.com"
GET = b"GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n"


async def _said(serve: Serve, raw: bytes) -> bytes:
    async with world((HOST,), (PUBLIC, 80, serve)) as net:
        net.internet.answers[HOST] = [[PUBLIC]]
        return await net.say(raw)


def _answering(raw: bytes) -> Serve:
    return Site(lambda _: raw).serve


async def test_a_chunked_body_is_read_and_written_anew() -> None:
    site = Site(hello)
    raw = GET.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    said = await _said(site.serve, raw + b"3;ext=1\r\nabc\r\n0002\r\nde\r\n0\r\nHost: evil.test\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert site.heard[0].endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert b"evil.test" not in site.heard[0]


async def test_a_chunked_answer_arrives_chunked_and_another_may_follow() -> None:
    serve = _answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    said = await _said(serve, GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
    assert said.count(b"5\r\nhello\r\n0\r\n\r\n") == 2


async def test_an_answer_that_ends_with_its_connection_is_given_an_end() -> None:
    said = await _said(_answering(b"HTTP/1.0 200 OK\r\n\r\nhello"), GET + b"Connection: close\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in said
    assert said.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


async def test_a_client_of_http_1_0_gets_what_it_understands() -> None:
    serve = _answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    said = await _said(serve, b"GET http://api.example.com/ HTTP/1.0\r\n\r\n")
    assert b"100" not in said.split(b"\r\n")[0]
    assert b"chunked" not in said
    assert said.endswith(b"\r\n\r\nhello")


async def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    said = await _said(
        _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        GET.replace(b"GET", b"HEAD") + b"Connection: close\r\n\r\n",
    )
    assert b"Content-Length: 5\r\n" in said
    assert said.endswith(b"\r\n\r\n")


async def test_a_client_that_waits_for_100_is_told_by_the_server() -> None:
    async def careful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue" in head
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await closed(writer)

    async with world((HOST,), (PUBLIC, 80, careful)) as net, asyncio.timeout(60):
        net.internet.answers[HOST] = [[PUBLIC]]
        reader, writer = await net.open()
        writer.write(GET.replace(b"GET", b"PUT") + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"body")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        await closed(writer)


async def test_an_answer_before_the_end_of_the_request_arrives_and_ends_the_connection() -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await closed(writer)

    said = await _said(hasty, GET.replace(b"GET", b"POST") + b"Content-Length: 900000\r\n\r\n" + b"x" * 500_000)
    assert said.startswith(b"HTTP/1.1 413 Too Large\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http_is_said_so(answer: bytes) -> None:
    said = await _said(_answering(answer), GET + b"\r\n")
    assert said.startswith(b"HTTP/1.1 502 api.example.com:80 gave no answer that is HTTP; try again.\r\n")


async def test_an_answer_that_was_cut_does_not_look_whole() -> None:
    said = await _said(_answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), GET + b"\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert not said.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"400"),
        (b"\x05\x01\x00\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"GET /\r\n\r\n", b"400"),
        (GET + b"Host: evil.test\r\n\r\n", b"400"),
        (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET http://evil.test/", b"400"),
        (GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"400"),
        (GET + b"Content-Length: 5, 6\r\n\r\nhello", b"400"),
        (GET + b"Content-Length: +5\r\n\r\nhello", b"400"),
        (GET + b"Content-Length: -1\r\n\r\n", b"400"),
        (GET + b"Content-Length: 0x5\r\n\r\nhello", b"400"),
        (GET + b"Content-Length : 5\r\n\r\nhello", b"400"),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"501"),
        (GET + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"501"),
        (GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
        (GET + b"X: a\0b\r\n\r\n", b"400"),
        (GET + b"no colon\r\n\r\n", b"400"),
        (GET + b"X: " + b"x" * 200_000, b"431"),
    ],
)
async def test_what_is_no_one_request_is_refused_and_goes_nowhere(raw: bytes, status: bytes) -> None:
    site = Site(hello)
    said = await _said(site.serve, raw)
    assert said.startswith(b"HTTP/1.1 " + status)
    assert said.count(b"HTTP/1.1 ") in {1, 2}  # the reason may name the version
    assert site.heard == []


async def test_a_folded_header_is_one_line_to_the_server() -> None:
    site = Site(hello)
    await _said(site.serve, GET + b"X-Folded: a\r\n Host: evil.test\r\nConnection: close\r\n\r\n")
    assert b"\r\nX-Folded: a Host: evil.test\r\n" in site.heard[0]


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"3\r\nabcdef\r\n", b"-1\r\n", b"f" * 30 + b"\r\n"])
async def test_a_body_that_turns_bad_ends_both_connections(chunk: bytes) -> None:
    ended = asyncio.Event()

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        await closed(writer)

    async with world((HOST,), (PUBLIC, 80, patient)) as net:
        net.internet.answers[HOST] = [[PUBLIC]]
        said = await net.say(GET.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        with anyio.fail_after(60):
            await ended.wait()
    assert said.startswith(b"HTTP/1.1 400 ")


async def test_a_large_answer_to_a_slow_reader_is_held_back_not_kept() -> None:
    sent = 0

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        try:
            while sent < 200_000_000:
                writer.write(b"x" * 1_000_000)
                await writer.drain()
                sent += 1_000_000
        except OSError:
            return

    async with world((HOST,), (PUBLIC, 80, generous)) as net:
        net.internet.answers[HOST] = [[PUBLIC]]
        reader, writer = await net.open()
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await _settled(lambda: sent)
        assert sent < 50_000_000  # what the kernel's buffers hold, ours hold next to nothing
        await closed(writer)


async def _settled(count: Callable[[], int]) -> None:
    """Wait until a count stays the same over many turns of the loop."""
    before = -1
    while before != (before := count()):
        for _ in range(200):
            await asyncio.sleep(0)
