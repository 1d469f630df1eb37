"""The one HTTP client: one request over one connection, to a target that is allowed, bounded in time and size."""

import ssl
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
import httpcore2

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.outbound.targets import Targets

TIMEOUT_S = 10.0
"""For all of a request: look-up, connection, TLS and answer."""
MAX_ANSWER_BYTES = 1_024
"""How much of an answer's body is read."""


@dataclass(frozen=True)
class Answer:
    """What a server answered; of its body the first `MAX_ANSWER_BYTES`."""

    status: int
    body: bytes


async def post(  # noqa: PLR0913  a request and its bounds
    targets: Targets,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send `body` once. Redirects are answers like any other and are not followed.

    `tls` is what certificates are checked with; without it the machine's own authorities.

    Raises:
        Invalid: the URL, or an address behind it, may not be called.
        Unavailable: nobody answered in time, or not in HTTP.
    """
    targets.check(url)
    try:
        with anyio.fail_after(timeout_s):
            return await _post(targets, url, body, headers, tls or _tls())
    except (TimeoutError, httpcore2.TimeoutException) as error:
        raise Unavailable(f"no answer within {timeout_s:g} s") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        raise Unavailable(f"{type(error).__name__}: {str(error)[:200]}") from error


async def _post(targets: Targets, url: str, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext) -> Answer:
    named: list[tuple[bytes | str, bytes | str]] = [("Host", urlsplit(url).netloc), *headers.items()]
    async with (
        _Guarded(targets) as guarded,
        httpcore2.AsyncConnectionPool(ssl_context=tls, network_backend=guarded, max_connections=1) as pool,
        pool.stream("POST", url, headers=named, content=body) as response,
    ):
        read = b""
        async for chunk in response.aiter_stream():
            read += chunk[: MAX_ANSWER_BYTES - len(read)]
            if len(read) >= MAX_ANSWER_BYTES:
                break
        return Answer(status=response.status, body=read)


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to the address that was judged; TLS still asks for the name. Closes the connection at the end."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._connections = httpcore2.AnyIOBackend()
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # The library forgets the connection when a deadline ends the TLS handshake.
        with anyio.CancelScope(shield=True):
            await self._opened.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's signature; the whole request has a deadline
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        address = await self._targets.admit(host, port)
        stream = await self._connections.connect_tcp(str(address), port, timeout, local_address, socket_options)
        self._opened.push_async_callback(stream.aclose)
        return stream


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
