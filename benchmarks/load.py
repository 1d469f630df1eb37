"""A load generator for one request repeated over keep-alive connections: plain sockets, loopback only."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    """What is sent again and again, and how an answer is recognised as right."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    is_right: Callable[[dict[str, Any]], bool]

    def raw(self, port: int) -> bytes:
        """The bytes on the wire."""
        body = json.dumps(self.body).encode()
        head = {"Host": f"{HOST}:{port}", "Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in (head | self.headers).items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Result:
    """Latencies in milliseconds over `seconds`; every answer was checked."""

    latencies_ms: list[float]
    seconds: float
    wrong_count: int

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that `share` of the calls did not exceed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def run(port: int, request: Request, *, connections: int, seconds: float) -> Result:
    """Keep `connections` busy for `seconds`, each sending as soon as it was answered."""
    raw = request.raw(port)
    latencies: list[float] = []
    wrong = 0
    began = time.perf_counter()
    until = began + seconds

    async def one() -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection(HOST, port, limit=2**20)
        while (sent := time.perf_counter()) < until:
            writer.write(raw)
            status, body = await _answer(reader)
            latencies.append((time.perf_counter() - sent) * 1000)
            if status != 200 or not request.is_right(body):
                wrong += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return Result(latencies, time.perf_counter() - began, wrong)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    if "content-length" in headers:
        raw = await reader.readexactly(int(headers["content-length"]))
    else:
        raw = await _chunks(reader)
    if headers.get("content-type", "").startswith("text/event-stream"):
        raw = next(line[6:] for line in raw.splitlines() if line.startswith(b"data: {"))
    return status, json.loads(raw)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    raw = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        raw += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return raw
