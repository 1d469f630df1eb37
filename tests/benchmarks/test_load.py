"""The load generator sees every answer that is not right, in whatever pieces and framing answers come."""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The programs there are scripts, which find each other beside themselves.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import load
import messages

Answer = Callable[[asyncio.StreamWriter, Any], Awaitable[None]]
REQUEST = messages.legacy("/mcp", {})
SECONDS = 0.2


@contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """The port of a server that answers each request with a coroutine, until it closes the connection."""
    loop = asyncio.new_event_loop()
    began: list[asyncio.Server] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await answer(writer, json.loads(await reader.readexactly(length)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    began.append(loop.run_until_complete(asyncio.start_server(serve, load.HOST, 0)))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield began[0].sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(began[0]), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _body(asked: Any, added: int = 0) -> bytes:
    arguments = asked["params"]["arguments"]
    result = {"structuredContent": {"sum": arguments["a"] + arguments["b"] + added}}
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()


def _head(length: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


async def _plain(writer: asyncio.StreamWriter, asked: Any) -> None:
    body = _body(asked)
    writer.write(_head(len(body)) + body)


async def _in_pieces(writer: asyncio.StreamWriter, asked: Any) -> None:
    body = _body(asked)
    whole = _head(len(body)) + body
    for start in range(0, len(whole), 30):
        writer.write(whole[start : start + 30])
        await writer.drain()
        await asyncio.sleep(0)


async def _as_event(writer: asyncio.StreamWriter, asked: Any) -> None:
    event = b"event: message\r\ndata: " + _body(asked) + b"\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)


def _measured(answer: Answer, *, per_second: float | None = None, connections: int = 4) -> load.Result:
    with answering(answer) as port:
        return load.measure(port, REQUEST, connections=connections, seconds=SECONDS, per_second=per_second)


def test_right_answers_are_counted_however_they_come() -> None:
    for answer in (_plain, _in_pieces, _as_event):
        result = _measured(answer)
        assert result.count > 0
        assert (result.wrong_count, result.sample) == (0, b"")


def test_a_wrong_sum_is_seen() -> None:
    asked_count = 0

    async def wrong_at_times(writer: asyncio.StreamWriter, asked: Any) -> None:
        nonlocal asked_count
        asked_count += 1
        body = _body(asked, added=asked_count % 2)
        writer.write(_head(len(body)) + body)

    result = _measured(wrong_at_times)
    assert result.count == asked_count
    assert result.wrong_count == (asked_count + 1) // 2
    assert b'"sum"' in result.sample


def test_an_answer_to_another_connection_is_seen() -> None:
    async def always_the_same(writer: asyncio.StreamWriter, asked: Any) -> None:
        asked["params"]["arguments"]["a"] = 0
        body = _body(asked)
        writer.write(_head(len(body)) + body)

    result = _measured(always_the_same, connections=2)
    assert 0 < result.wrong_count < result.count


def test_a_refusal_with_a_right_body_is_wrong() -> None:
    async def refusing(writer: asyncio.StreamWriter, asked: Any) -> None:
        body = _body(asked)
        writer.write(_head(len(body), "503 Service Unavailable") + body)

    result = _measured(refusing)
    assert result.wrong_count == result.count > 0


def test_a_connection_that_closes_instead_of_answering_is_wrong() -> None:
    async def closing(writer: asyncio.StreamWriter, asked: Any) -> None:
        writer.close()

    result = _measured(closing)
    assert result.count == 0
    assert result.wrong_count > 0


def test_a_connection_that_is_lost_is_opened_again() -> None:
    async def once(writer: asyncio.StreamWriter, asked: Any) -> None:
        await _plain(writer, asked)
        await writer.drain()
        writer.close()

    result = _measured(once, connections=1)
    assert result.count > 1


def test_nobody_who_listens_is_wrong() -> None:
    with answering(_plain) as port:
        pass
    result = load.measure(port, REQUEST, connections=1, seconds=SECONDS)
    assert result.count == 0
    assert result.wrong_count > 0


def test_calls_that_are_due_are_made_and_no_others() -> None:
    result = _measured(_plain, per_second=100)
    assert result.count + result.unsent_count == SECONDS * 100
    assert result.wrong_count == 0


def test_calls_that_cannot_be_made_in_time_are_told() -> None:
    async def never(writer: asyncio.StreamWriter, asked: Any) -> None:
        await asyncio.sleep(SECONDS)
        await _plain(writer, asked)

    result = _measured(never, per_second=1000, connections=1)
    assert result.count >= 1
    assert result.count + result.unsent_count == SECONDS * 1000


def test_one_call_is_asked_for_its_answer() -> None:
    with answering(_as_event) as port:
        assert load.ask(port, REQUEST)["result"] == {"structuredContent": {"sum": messages.ADDED}}
