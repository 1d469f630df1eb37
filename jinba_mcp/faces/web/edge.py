"""The outermost middleware: request ids, the guards against DNS rebinding, the last resort for errors, metrics."""

import logging
import re
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from jinba_mcp import logs
from jinba_mcp.domain.errors import HostForbidden, Invalid, JinbaError, OriginForbidden, TooLarge
from jinba_mcp.domain.randomness import random_bytes
from jinba_mcp.faces.web import standing
from jinba_mcp.faces.web.heads import Fields, Heads, once
from jinba_mcp.faces.web.metrics import UNMATCHED, Metrics
from jinba_mcp.faces.web.problems import CLIENT_GONE, EXCEPTION_HANDLERS, response_to
from jinba_mcp.faces.web.shortcut import Shortcut

logger = logging.getLogger(__name__)

ANY = "*"
MAX_HEAD_BYTES = 64 * 1024
_MAX_AUTHORITY_LENGTH = 300
"""A name has at most 253 characters (RFC 1035, 2.3.4), and then there is the port."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EXPECTED = (JinbaError, HTTPException, ClientDisconnect)
"""What is answered as it says, and no reason to look into the log."""
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(.+)")
_OF_SITES = frozenset({b"host", b"origin"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Guard:
    """Which Host and Origin headers are let in; a page that rebinds its name to this address has neither."""

    def __init__(self, allowed_hosts: Iterable[str] = (), allowed_origins: Iterable[str] = ()) -> None:
        """Names with a port fit that port only, names without fit any; `*` fits all."""
        self._hosts = LOOPBACK.union(host.lower() for host in allowed_hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allowed_origins)

    def check(self, headers: Fields) -> None:
        """Raises: HostForbidden, OriginForbidden; Invalid: more than one Host."""
        said = _said_of_sites(headers)
        self.check_host(said.get(b"host"))
        self.check_origin(said.get(b"origin"), said.get(b"host"))

    def check_probe(self, headers: Fields) -> None:
        """Probes come by the address of the pod, and their paths hold nothing that a page could use.

        Raises:
            OriginForbidden: a web page of another site is asking.
            Invalid: more than one Host.
        """
        said = _said_of_sites(headers)
        self.check_origin(said.get(b"origin"), said.get(b"host"))

    def check_host(self, host: str | None) -> None:
        """Raises: HostForbidden."""
        if ANY not in self._hosts and not self._fits(host or ""):
            raise HostForbidden(host or "")

    def check_origin(self, origin: str | None, host: str | None) -> None:
        """Raises: OriginForbidden: a web page of another site is asking."""
        if origin is None or ANY in self._origins or origin.lower() in self._origins:
            return
        found = _ORIGIN.fullmatch(origin)
        authority = found[1] if found else ""
        is_same = ANY in self._hosts and authority.lower() == (host or "").lower()
        if not authority or not (is_same or self._fits(authority)):
            raise OriginForbidden(origin)

    def _fits(self, authority: str) -> bool:
        found = _AUTHORITY.fullmatch(authority) if len(authority) <= _MAX_AUTHORITY_LENGTH else None
        return found is not None and (found[1].lower() in self._hosts or authority.lower() in self._hosts)


class Edge:
    """Wraps the whole app. Whatever happens inside, the answer has a request id and says nothing of our inside."""

    def __init__(
        self,
        app: Starlette,
        *,
        metrics: Metrics,
        public_url: str | None = None,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
    ) -> None:
        """Let in loopback, the public URL, `hosts` and `origins`; make the app's own errors problems, too."""
        for kind, handler in EXCEPTION_HANDLERS.items():
            app.add_exception_handler(kind, handler)
        # A redirect would lose the body or the key on its way; a path that is not there is better said so.
        app.router.redirect_slashes = False
        self._app = Shortcut(app)
        self._heads = Heads()
        self._metrics = metrics
        public = () if public_url is None else (urlsplit(public_url).netloc,)
        self._guard = Guard((*hosts, *public), origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size, request_id = _measured(scope["headers"])
        answer = _Answer(send, request_id, scope)
        began = time.perf_counter()
        self._metrics.request_started()
        _bind(request_id, scope.get("client"))
        try:
            await self._guarded(scope, receive, answer, size)
        finally:
            _bind(None, None)
            route = getattr(scope.get("route"), "path", UNMATCHED)
            duration_s = time.perf_counter() - began
            self._metrics.request_ended(scope["method"], route, answer.status or CLIENT_GONE, duration_s)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer", head_bytes: int) -> None:
        try:
            self._check(scope, head_bytes)
            await self._app(scope, receive, answer)
        except Exception as error:
            if not isinstance(error, _EXPECTED):
                logger.exception("request failed", extra={"event": "request.failed", "method": scope["method"]})
            await answer.instead(response_to(error, scope), receive)

    def _check(self, scope: Scope, head_bytes: int) -> None:
        if len(scope["path"]) + len(scope["query_string"]) + head_bytes > MAX_HEAD_BYTES:
            raise TooLarge(f"Path, query and headers together are too large: at most {MAX_HEAD_BYTES} bytes.")
        self._heads.recognise(scope)
        once(scope, self._guard.check_probe if scope["path"] in _PROBES else self._guard.check)


class _Answer:
    """The `send` of one request: notes the status and completes the head."""

    def __init__(self, send: Send, request_id: str, scope: Scope) -> None:
        self._send = send
        self._request_id = request_id
        self._scope = scope
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._completed(message.get("headers", ()))}
        await self._send(message)

    async def instead(self, response: Response, receive: Receive) -> None:
        """Answer so, unless the answer has begun already."""
        if self.status is None:
            await response(self._scope, receive, self)

    def _completed(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        headers = [header for header in given if header[0] != b"x-request-id"]
        names = {name for name, _ in headers}
        headers.append((b"x-request-id", self._request_id.encode("latin-1")))
        if b"x-content-type-options" not in names:
            headers.append((b"x-content-type-options", b"nosniff"))
        if b"ratelimit" not in names:
            headers += standing.said(self._scope)
        if b"cache-control" not in names and self._scope["path"].startswith("/v1"):
            headers.append((b"cache-control", b"no-store"))
        return headers


def _measured(headers: Fields) -> tuple[int, str]:
    """How many bytes the headers have, and the id of the request, which is a new one unless they say one."""
    size, request_id = 0, ""
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"x-request-id" and not request_id:
            request_id = value.decode("latin-1")
    return size, request_id if _REQUEST_ID.fullmatch(request_id) else random_bytes(16).hex()


def _said_of_sites(headers: Fields) -> dict[bytes, str]:
    """Host, and the first Origin."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name == b"host" and name in found:
            # RFC 9112, 3.2: a proxy in front of us may go by the other one.
            raise Invalid("The request has more than one Host header. Send one.")
        if name in _OF_SITES:
            found.setdefault(name, value.decode("latin-1"))
    return found


def _bind(request_id: str | None, client: tuple[str, int] | None) -> None:
    # Key and organization are bound further in, by whoever authenticates; they end with the request all the same.
    logs.request_id.set(request_id)
    logs.client_address.set(client[0] if client else None)
    logs.key_id.set(None)
    logs.organization_id.set(None)
