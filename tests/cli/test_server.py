"""The web server process: listening, bounding heads, stopping."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.types import Receive

from jinba_mcp.cli import server
from jinba_mcp.cli.output import Failed
from jinba_mcp.serving import WebApp
from jinba_mcp.settings import Settings

Handler = Callable[[], Awaitable[None]]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _nothing() -> None:
    return


@dataclass
class Served:
    """A running server of ours around an app that answers 200 to everything, when its handler has returned."""

    port: int
    told: list[str] = field(default_factory=list)
    stopped: anyio.Event = field(default_factory=anyio.Event)
    server: Any = None
    receives: list[Receive] = field(default_factory=list)
    """Of each request that has begun."""
    scopes: list[Any] = field(default_factory=list)
    """As above."""

    async def connect(self) -> SocketStream:
        return await anyio.connect_tcp("127.0.0.1", self.port)


@asynccontextmanager
async def serving(handler: Handler = _nothing, *, grace_s: float = 0.0) -> AsyncIterator[Served]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := (await receive())["type"]) == "lifespan.startup":
                await send({"type": f"{message}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        served.receives.append(receive)
        served.scopes.append(scope)
        await handler()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def drain(given_s: float) -> None:
        served.told.append(f"drain {given_s:g}")

    async def run() -> None:
        await served.server.serve([listener])
        served.stopped.set()

    def ready() -> None:
        served.told.append("ready")
        started.set()

    listener = server.listen("127.0.0.1", 0)
    settings, started = Settings(shutdown_grace_s=grace_s), anyio.Event()
    served = Served(listener.getsockname()[1])
    web = WebApp(asgi=app, close_streams=lambda: served.told.append("close streams"))
    served.server = server.Server(
        server.configuration(web, settings),
        on_ready=ready,
        close_streams=web.close_streams,
        drain=drain,
        grace_s=grace_s,
    )
    with anyio.fail_after(60), listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await started.wait()
            yield served
            served.server.should_exit = True


def test_of_two_servers_the_second_is_told_at_once() -> None:
    with server.listen("127.0.0.1", 0) as first, pytest.raises(Failed, match=r"in use.*--port"):
        server.listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused_by_name(host: str) -> None:
    with pytest.raises(Failed, match=f"Cannot listen on {host}"):
        server.listen(host, 0)


def test_a_server_may_listen_on_ipv6() -> None:
    with server.listen("::1", 0) as listener:
        assert listener.getsockname()[0] == "::1"


async def test_it_says_ready_when_it_is_and_closes_streams_before_it_waits_for_runs() -> None:
    async with serving(grace_s=3) as served:
        assert served.told == ["ready"]
        async with await served.connect() as client:
            await client.send(GET)
            assert (await client.receive()).startswith(b"HTTP/1.1 200")
        signal.raise_signal(signal.SIGTERM)
        await served.stopped.wait()
    assert served.told == ["ready", "close streams", "drain 3", "drain 0"]
    assert served.server.was_interrupted is False


async def test_an_interrupt_is_noted_for_the_exit_code_and_a_second_one_does_not_wait() -> None:
    entered = anyio.Event()

    async def hang() -> None:
        entered.set()
        await anyio.sleep_forever()

    async with serving(hang, grace_s=300) as served, await served.connect() as client:
        await client.send(GET)
        await entered.wait()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        await served.stopped.wait()
    assert served.server.was_interrupted is True


async def test_signals_are_given_back_at_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serving():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_head_that_never_ends_is_cut_off() -> None:
    async with serving() as served, await served.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nX-Big: ")
        answer = b""
        try:
            for _ in range(2 * server.MAX_HEAD_BYTES // 65_536):
                await client.send(b"a" * 65_536)
            answer = await client.receive()
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            return
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"too large" in answer


async def test_a_head_that_does_not_come_is_not_waited_for_while_an_answer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.05)
    entered, may_answer = anyio.Event(), anyio.Event()

    async def answer_late() -> None:
        entered.set()
        await may_answer.wait()

    async with serving(answer_late) as served, await served.connect() as asking:
        await asking.send(GET)
        await entered.wait()
        async with await served.connect() as silent:
            with pytest.raises(anyio.EndOfStream):
                await silent.receive()
        # The other connection is older than the one that was just closed for its silence.
        may_answer.set()
        assert (await asking.receive()).startswith(b"HTTP/1.1 200")
        await asking.send(GET[:-2])
        with pytest.raises(anyio.EndOfStream):
            await asking.receive()


async def test_large_bodies_are_no_large_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_BYTES", 1_000)
    async with serving() as served, await served.connect() as client:
        for _ in range(2):
            await client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n" + os.urandom(5000))
            assert (await client.receive()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("endless", [b"a" * 65_536, b"a:\r\n" * 16_384], ids=["one", "many"])
async def test_trailers_that_never_end_are_cut_off(endless: bytes) -> None:
    async with serving() as served, await served.connect() as client:
        await client.send(CHUNKED + b"0\r\nX-Big: a")
        assert (await client.receive()).startswith(b"HTTP/1.1 200")

        async def go_on() -> None:
            for _ in range(4 * server.MAX_HEAD_BYTES // 65_536):
                await client.send(endless)
            await client.send(b"\r\n\r\n" + GET)
            await client.receive()

        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            await go_on()


async def test_trailers_are_no_headers() -> None:
    async def until_the_end() -> None:
        while (await served.receives[0]()).get("more_body"):
            pass

    async with serving(until_the_end) as served, await served.connect() as client:
        await client.send(CHUNKED + b"2\r\nhi\r\n0\r\nAuthorization: Bearer late\r\n\r\n")
        assert (await client.receive()).startswith(b"HTTP/1.1 200")
        assert [name for name, _ in served.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


async def test_small_chunks_are_no_trailers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_BYTES", 1_000)
    async with serving() as served, await served.connect() as client:
        for _ in range(2):
            await client.send(CHUNKED)
            for _ in range(500):
                await client.send(b"1\r\na\r\n")
            await client.send(b"0\r\n\r\n")
            assert (await client.receive()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("behind", [GET, GET * (server.MAX_WAITING - 1)], ids=["one", "as many as are read"])
async def test_a_request_is_told_that_its_client_has_gone_though_others_wait_behind_it(behind: bytes) -> None:
    """uvicorn stops to read as soon as one waits, and tells the last request of a connection only."""
    entered, told = anyio.Event(), anyio.Event()

    async def until_disconnect() -> None:
        entered.set()
        while (await served.receives[0]())["type"] != "http.disconnect":
            pass
        told.set()

    async with serving(until_disconnect) as served:
        async with await served.connect() as client:
            await client.send(GET)
            await entered.wait()
            await client.send(behind)
        await told.wait()
    assert len(served.receives) == 1


async def test_pipelined_requests_are_answered_in_turn() -> None:
    async with serving() as served, await served.connect() as client:
        await client.send(GET * (2 * server.MAX_WAITING))
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 2 * server.MAX_WAITING:
            answers += await client.receive()
    assert len(served.receives) == 2 * server.MAX_WAITING
