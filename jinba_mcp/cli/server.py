"""The web server process: uvicorn, told how to listen, when it is ready and how to stop."""

import asyncio
import errno
import math
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType

import anyio
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from jinba_mcp.app import WebApp
from jinba_mcp.cli.output import Failed
from jinba_mcp.settings import Settings

HEAD_TIMEOUT_S = 30.0
"""How long the head of a request may take to arrive."""
MAX_HEAD_BYTES = 512 * 1024
"""Where a head that does not end is cut off. What the app takes is less; it gets to say so itself."""
MAX_WAITING = 16
"""How many pipelined requests are read while an earlier one of the same connection is still being answered."""
_AFTER_GRACE_S = 2
"""For the answers of cancelled runs to reach their callers."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, so that of two servers the second knows at once.

    Raises:
        Failed: the address is in use, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(
                f"Port {port} on {host} is in use. Stop what listens there, or choose another with --port "
                "(0 takes a free one)."
            ) from error
        raise Failed(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from error


def configuration(web: WebApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn is to run; logging stays as it is set up already."""
    return uvicorn.Config(
        web.asgi,
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


class Server(uvicorn.Server):
    """Says when it is ready; at the end closes streams first and gives runs their grace."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], None],
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

    And tells the request that is being answered when its client hangs up, even if others wait behind it.
    """

    _head_bytes = 0
    _is_in_head = False
    _running: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        # The parent tells the last request of the connection only, which may not even have begun.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= MAX_WAITING:
            # The parent stops reading here, and who does not read does not see a client hang up.
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
