"""The web server process: uvicorn, told how to listen, when it is ready and how to stop."""

import asyncio
import errno
import gc
import math
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

import anyio
import uvicorn
from anyio import sleep_forever
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from jinba_mcp.app import App
from jinba_mcp.cli.output import Failed
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.serving import WebApp, web
from jinba_mcp.settings import Settings

Wait: TypeAlias = Callable[[], Awaitable[None]]

HEAD_TIMEOUT_S = 30.0
"""How long the head of a request may take to arrive."""
MAX_HEAD_BYTES = 512 * 1024
"""Where a head that does not end is cut off. What the app takes is less; it gets to say so itself."""
MAX_WAITING = 16
"""How many pipelined requests are read while an earlier one of the same connection is still being answered."""
_SWITCH_INTERVAL_S = 0.0005
"""A call goes to a tool's thread and the journal's and back; by Python's 5 ms each of them may wait as long as that."""
_AFTER_GRACE_S = 2
"""For the answers of cancelled runs to reach their callers."""


def listen(host: str, port: int, *, is_one_of_several: bool = False) -> socket.socket:
    """A socket that listens, so that of two servers the second knows at once.

    Of several on one port each gets its share of the connections, as the kernel draws them (SO_REUSEPORT, socket(7)).

    Raises:
        Failed: the address is in use, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=is_one_of_several)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(
                f"Port {port} on {host} is in use. Stop what listens there, or choose another with --port "
                "(0 takes a free one)."
            ) from error
        raise Failed(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from error


def over(app: App, metrics: Metrics, settings: Settings, on_ready: Callable[[], object]) -> "Server":
    """A server of the HTTP faces over an open application."""
    faces = web(app, metrics)
    return Server(
        configuration(faces, settings),
        on_ready=on_ready,
        close_streams=faces.close_streams,
        drain=app.core.runs.drain,
        grace_s=settings.shutdown_grace_s,
    )


def configuration(faces: WebApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn is to run; logging stays as it is set up already."""
    return uvicorn.Config(
        faces.asgi,
        http=_Http,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=None if settings.log_level == "debug" else "warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s) + _AFTER_GRACE_S,
    )


async def serve(
    opened: App, metrics: Metrics, listener: socket.socket, on_ready: Callable[[], object], until: Wait = sleep_forever
) -> bool:
    """Serve an open application until a signal comes or `until` returns; whether Ctrl-C was that signal."""
    server = over(opened, metrics, opened.settings, on_ready)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)

    async def stop_in_time() -> None:
        await until()
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_in_time)
        await server.serve([listener])
        tasks.cancel_scope.cancel()
    return server.was_interrupted


class Server(uvicorn.Server):
    """Says when it is ready; at the end closes streams first and gives runs their grace."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], object],
        close_streams: Callable[[], None],
        drain: Callable[[float], Coroutine[None, None, None]],
        grace_s: float,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._close_streams = close_streams
        self._drain = drain
        self._grace_s = grace_s
        self.was_interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
        # What was made until now stays; looking through all of it, each time, would hold up every call.
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._close_streams()
        # Side by side: uvicorn waits for the answers, and the core ends the runs that they wait for when grace is over.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._drain, self._grace_s)
            await super().shutdown(sockets)
            if self.force_exit:
                tasks.cancel_scope.cancel()
        await self._drain(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.was_interrupted = self.was_interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals, without raising them again at the end as uvicorn does: the database is still to be closed."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Http(HttpToolsProtocol):
    """Bounds the head of a request in time and size; uvicorn's parser would wait for its end, and keep it, for ever.

    So it is with the fields behind a chunked body, which nobody here reads (RFC 9110, 6.5.1): they are not kept.
    And tells the request that is being answered when its client hangs up, even if others wait behind it.
    """

    _head_bytes = 0
    _is_in_head = True
    _may_be_trailers = False
    """Whether a chunk has begun and nothing of it has come, as with the last one, which only trailers follow."""
    _head_since = 0.0
    _running: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self._check_head)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)
        # The parent tells the last request of the connection only, which may not even have begun.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes, self._head_since = True, 0, self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self._check_head)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        self._may_be_trailers, self._head_bytes = True, 0

    def on_body(self, body: bytes) -> None:
        self._may_be_trailers = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._may_be_trailers = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= MAX_WAITING:
            # The parent stops reading here, and who does not read does not see a client hang up.
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not (self._is_in_head or self._may_be_trailers):
            return
        self._head_bytes += len(data)
        if self._head_bytes <= MAX_HEAD_BYTES or self.transport.is_closing():
            return
        if self._is_in_head:
            self.send_400_response("The head of the request is too large.")
        else:
            # The answer may be on its way already, so that there is no place for another.
            self.transport.close()

    def _check_head(self) -> None:
        # One timer for many heads: to set and stop one for each costs more than to read it.
        self._timer = None
        if self._is_in_head:
            left_s = self._head_since + HEAD_TIMEOUT_S - self.loop.time()
            if left_s <= 0:
                self.transport.close()
            else:
                self._timer = self.loop.call_later(left_s, self._check_head)
