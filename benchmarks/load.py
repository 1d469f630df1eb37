"""A load generator for one request over keep-alive connections: asyncio protocols on loopback, every answer checked.

Requests are bytes made beforehand, and an answer that is the one before it, byte for byte, is not read again; so it can
ask several times as much as the servers measured with it can answer. `Result.busy_share` tells whether that was so.
"""

import asyncio
import gc
import json
import re
import socket
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvloop

HOST = "127.0.0.1"
LAST_ANSWERS_WITHIN_S = 30.0
"""After the end; calls that are not answered then count as wrong."""
REOPENS_AFTER_S = 0.05
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED_END = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What each connection sends again and again, and how its answers are recognised as right.

    Both are told the connection's number, so that an answer that belongs to another connection is seen.
    """

    path: str
    headers: Mapping[str, str]
    body: Callable[[int], Any]
    is_right: Callable[[int, Any], bool]

    def raw(self, port: int, number: int) -> bytes:
        """The bytes on the wire of connection `number`."""
        body = json.dumps(self.body(number)).encode()
        head = {"Host": f"{HOST}:{port}", "Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [
            f"POST {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in {**head, **self.headers}.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Result:
    """Latencies in seconds, of calls in `seconds`; every answer was checked."""

    latencies_s: "array[float]"
    seconds: float
    wrong_count: int
    busy_s: float = 0.0
    """Processor time of the load generator."""
    sample: bytes = b""
    """One of the wrong answers."""
    unsent_count: int = 0
    """Calls that were due and not sent until the end, because all connections waited for answers."""

    @property
    def count(self) -> int:
        return len(self.latencies_s)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def busy_share(self) -> float:
        """How much of its core the load generator used; near 1 it is the generator that was measured."""
        return self.busy_s / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` of the calls did not exceed; 0 without calls."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


def measure(
    port: int, request: Request, *, connections: int, seconds: float, per_second: float | None = None
) -> Result:
    """Keep `connections` busy for `seconds`, each sending as soon as it was answered.

    With `per_second` calls are due at even distances, whether those before were answered or not, and take from when
    they were due until they are answered. That many keep the generator's core busy, as no timer is so exact.
    """
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_measure(port, request, connections, seconds, per_second))
    finally:
        gc.enable()


def ask(port: int, request: Request) -> Any:
    """What is answered to one call.

    Raises:
        OSError: nothing is.
        ValueError: the answer is no JSON.
    """
    with socket.create_connection((HOST, port), LAST_ANSWERS_WITHIN_S) as connection:
        connection.sendall(request.raw(port, 0))
        answer = b""
        while (body := _body(answer)) is None:
            received = connection.recv(2**20)
            if not received:
                raise ConnectionError("closed before the answer was whole")
            answer += received
    return json.loads(body)


async def _measure(port: int, request: Request, connections: int, seconds: float, per_second: float | None) -> Result:
    loop = asyncio.get_running_loop()
    load = _Paced(seconds, per_second) if per_second else _Load(seconds)
    busy = time.process_time()
    for number in range(connections):
        made = partial(_Connection, load, request.raw(port, number), partial(request.is_right, number))
        load.add(partial(loop.create_connection, made, HOST, port))
    await load.ended()
    return Result(
        load.latencies_s,
        load.last - load.began,
        load.wrong_count,
        time.process_time() - busy,
        load.sample,
        load.unsent_count,
    )


class _Load:
    """What the connections of one measurement share: until when, and what came of it."""

    def __init__(self, seconds: float) -> None:
        self.latencies_s = array("d")
        self.wrong_count = self.unsent_count = 0
        self.sample = b""
        self.began = self.last = time.perf_counter()
        self.until = self.began + seconds
        self.connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, connect: Callable[[], Awaitable[tuple[Any, "_Connection"]]]) -> None:
        """Open a connection, and open it again whenever it is lost."""

        async def keep_open() -> None:
            while time.perf_counter() < self.until:
                try:
                    _, connection = await connect()
                    await connection.lost
                except OSError as error:
                    self.wrong(str(error).encode())
                await asyncio.sleep(REOPENS_AFTER_S)

        self._tasks.add(asyncio.create_task(keep_open()))

    def free(self, connection: "_Connection", now: float) -> None:
        """A connection has nothing to do."""
        if now < self.until:
            connection.send(now)

    def wrong(self, sample: bytes) -> None:
        self.wrong_count += 1
        self.sample = self.sample or sample[:2000]

    async def ended(self) -> None:
        """Wait until all calls are answered, or too late."""
        await asyncio.sleep(self.until - time.perf_counter())
        late = time.perf_counter() + LAST_ANSWERS_WITHIN_S
        # An event would cost each call, and this only the end.
        while any(each.is_waiting for each in self.connections) and time.perf_counter() < late:  # noqa: ASYNC110  protocols tell nobody
            await asyncio.sleep(0.001)
        for task in self._tasks:
            task.cancel()
        for connection in tuple(self.connections):
            connection.close()


class _Paced(_Load):
    """Calls are due at even distances, and wait for a connection that is free."""

    def __init__(self, seconds: float, per_second: float) -> None:
        super().__init__(seconds)
        self.unsent_count = round(seconds * per_second)
        self._sent_count = 0
        self._between = 1 / per_second
        self._free: deque[_Connection] = deque()
        self._look()

    def free(self, connection: "_Connection", now: float) -> None:  # noqa: ARG002  when does not matter here
        self._free.append(connection)

    def _look(self) -> None:
        now = time.perf_counter()
        if now >= self.until:
            return
        while self._free and self.unsent_count and (due := self.began + self._sent_count * self._between) <= now:
            connection = self._free.popleft()
            # One that was lost meanwhile has another in its place.
            if connection in self.connections:
                connection.send(due)
                self._sent_count += 1
                self.unsent_count -= 1
        asyncio.get_running_loop().call_soon(self._look)


class _Connection(asyncio.Protocol):
    """Sends its request whenever it is told to, and looks at the answer."""

    def __init__(self, load: _Load, request: bytes, is_right: Callable[[Any], bool]) -> None:
        self._load = load
        self._request = request
        self._is_right = is_right
        self.is_waiting = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due = 0.0
        self._received = b""
        self._right_answer = b""
        self._right_body = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._load.connections.add(self)
        self._load.free(self, time.perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.connections.discard(self)
        if self.is_waiting:
            self._load.wrong(self._received or f"(no answer: {exc or 'closed'})".encode())
        if not self.lost.done():
            self.lost.set_result(None)

    def send(self, due: float) -> None:
        """Call; the latency counts from `due`."""
        self._due = due
        self.is_waiting = True
        self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        if data != self._right_answer:
            body = _body(data)
            if body is None:
                self._received = data
                return
            self._judge(data, body)
        now = time.perf_counter()
        self._received = b""
        self.is_waiting = False
        self._load.latencies_s.append(now - self._due)
        self._load.last = now
        self._load.free(self, now)

    def _judge(self, answer: bytes, body: bytes) -> None:
        is_ok = answer.startswith(b"HTTP/1.1 200 ")
        if is_ok and body != self._right_body:
            try:
                is_ok = self._is_right(json.loads(body))
            except (ValueError, LookupError, TypeError):
                is_ok = False
        if is_ok:
            self._right_answer, self._right_body = answer, body
        else:
            self._load.wrong(answer)


def _body(answer: bytes) -> bytes | None:
    """The JSON in an answer, whether that is plain, in chunks or an event; None while it is not all there."""
    end = answer.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    length = _LENGTH.search(answer, 0, end)
    if length:
        body = answer[end:]
        return _event(body) if len(body) >= int(length[1]) else None
    return _event(_joined(answer[end:])) if answer.endswith(_CHUNKED_END) else None


def _joined(chunks: bytes) -> bytes:
    parts = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        chunks = rest[int(size, 16) + 2 :]
    return b"".join(parts)


def _event(body: bytes) -> bytes:
    """The first message with JSON, where the body is an event stream."""
    if body.startswith(b"{"):
        return body
    return next((line[6:] for line in body.splitlines() if line.startswith(b"data: {")), body)
