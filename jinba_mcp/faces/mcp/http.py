"""MCP over streamable HTTP: every endpoint, both eras, without a session to keep, so that any process can answer."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, TypeAlias

import anyio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import INVALID_REQUEST
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from sse_starlette.sse import AppStatus
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from jinba_mcp.core.catalog import Endpoint, Offers, ToolSetRef
from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import JinbaError, MethodNotAllowed, NotAcceptable
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.faces.mcp import translate
from jinba_mcp.faces.mcp.asked import trimmed, understood
from jinba_mcp.faces.mcp.lane import Lane
from jinba_mcp.faces.mcp.listeners import Listeners
from jinba_mcp.faces.mcp.server import McpServer
from jinba_mcp.faces.mcp.session import SCOPE_KEY, Session
from jinba_mcp.faces.web import limits
from jinba_mcp.faces.web.bodies import announced_length, check_type, read_body, type_headers
from jinba_mcp.faces.web.heads import Fields, once
from jinba_mcp.faces.web.paths import checked_names
from jinba_mcp.faces.web.problems import problem

_ENDPOINTS = 1_000
_PING_EVERY_S = 15.0
_EVENT_STREAM = "text/event-stream"
_STREAM_HEADERS = [(b"content-type", _EVENT_STREAM.encode()), (b"cache-control", b"no-store")]
_TOOLS_CHANGED = b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'

EndpointOf: TypeAlias = Callable[[Mapping[str, str]], Endpoint]
"""Makes the endpoint out of the names in the path."""
EndpointAt: TypeAlias = Callable[..., Endpoint]
"""The same, of unchecked pairs of what a name is for and the name; what it made it remembers."""

_offered: ContextVar[Offers | None] = ContextVar("offered", default=None)


class McpHttp:
    """The MCP endpoints of one process. `running` must be entered around its whole life."""

    def __init__(self, core: Core, version: str, *, max_body_bytes: int, has_lane: bool = True) -> None:
        """`has_lane` is False for tests, which compare the fast lane with the SDK."""
        # By default it cuts every event stream the moment a signal arrives, and with it the answers of runs in flight,
        # which have their grace: the core ends those, `listeners` the standing streams.
        AppStatus.enable_automatic_graceful_drain = False
        self._core = core
        self.listeners = Listeners()
        server = McpServer(version, self.listeners, input_schema_of=_input_schema_of_offered)
        self._lane = Lane(server) if has_lane else None
        self._manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=max_body_bytes)
        self._max_body_bytes = max_body_bytes

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the block is left."""
        async with self._manager.run():
            yield

    def routes(self) -> list[BaseRoute]:
        """One route per kind of endpoint."""
        paths = {
            "/mcp": _everything,
            "/v1/orgs/{org}/mcp": _of_organization,
            "/v1/orgs/{org}/toolsets/{slug}/mcp": _of_toolset,
            "/v1/public/{org}/{slug}/mcp": _of_public_toolset,
        }
        return [Route(path, _McpEndpoint(self, endpoint_of)) for path, endpoint_of in paths.items()]

    async def serve(self, endpoint_of: EndpointAt, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request at an endpoint, in the name of the key that it carries."""
        caller = await limits.known(self._core, scope)
        endpoint = endpoint_of(*scope["path_params"].items())
        offers = await self._core.catalog.offers(caller, endpoint)
        session = self._session(endpoint, caller, scope)
        if scope["method"] == "GET":
            await session.count()
            await self._listen(session, scope, receive, send)
            return
        body = await self._read(scope, receive)
        asked = None if self._lane is None else understood(scope, body, partial(_input_schema_of, offers))
        if self._lane is None or asked is None:
            await self._pass_on(session, offers, scope, _Replayed(body, receive), send)
        else:
            await self._lane.answer(asked, session, offers, receive, send)

    def _session(self, endpoint: Endpoint, caller: Caller, scope: Scope) -> Session:
        async def who() -> Caller:
            return await limits.known(self._core, scope)

        async def count() -> None:
            await limits.count(self._core, scope, caller)

        return Session(self._core, endpoint, caller, RunSource.MCP, who, count)

    async def _pass_on(self, session: Session, offers: Offers, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY] = session
        scope["headers"] = trimmed(scope["headers"])
        token = _offered.set(offers)
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            _offered.reset(token)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        # The SDK would wait for a slow body for ever, and log a traceback for one that breaks off.
        if scope["method"] == "POST":
            once(scope, _check_type)
        return await read_body(receive, announced_length(scope["headers"]), self._max_body_bytes)

    async def _listen(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        """The handshake era's standing stream. It needs no session: it only ever says that the list has changed."""
        headers = Headers(raw=trimmed(scope["headers"]))
        version = headers.get("mcp-protocol-version")
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            raise MethodNotAllowed("This protocol version listens by the request subscriptions/listen.", allow="POST")
        if _EVENT_STREAM not in headers.get("accept", ""):
            raise NotAcceptable(f"A GET here opens an event stream; accept {_EVENT_STREAM}.")
        changes = await session.watch()
        with anyio.CancelScope() as stream, self.listeners.place(stream.cancel):
            await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            async with aclosing(changes), anyio.create_task_group() as tasks:
                tasks.start_soon(_until_disconnect, receive, stream)
                tasks.start_soon(_keep_alive, send)
                async for _ in changes:
                    await send({"type": "http.response.body", "body": _TOOLS_CHANGED, "more_body": True})
                stream.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _McpEndpoint:
    """An ASGI app, because Starlette gives one the raw `receive` and `send` that a stream needs, for every method."""

    def __init__(self, http: McpHttp, endpoint_of: EndpointOf) -> None:
        self._http = http
        self._endpoint_of: EndpointAt = lru_cache(_ENDPOINTS)(lambda *names: endpoint_of(checked_names(dict(names))))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._http.serve(self._endpoint_of, scope, receive, send)
        except JinbaError as error:
            await _refusal(error)(scope, receive, send)


class _Replayed:
    """A `receive` that gives a body again that was read already, and then what `receive` gives."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


def _refusal(error: JinbaError) -> Response:
    """The status and headers that REST would give, around a body that MCP clients read and show."""
    like = problem(error)
    code = translate.plane(error) or INVALID_REQUEST
    told = {"code": code, "message": error.message, "data": {"code": error.code, **error.details}}
    headers = {name: value for name, value in like.headers.items() if not name.startswith("content-")}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": told}, like.status_code, headers)


def _everything(_: Mapping[str, str]) -> Endpoint:
    return Endpoint()


def _of_organization(params: Mapping[str, str]) -> Endpoint:
    return Endpoint(organization=params["org"])


def _of_toolset(params: Mapping[str, str]) -> Endpoint:
    return Endpoint(toolset=_ref(params, is_public=False))


def _of_public_toolset(params: Mapping[str, str]) -> Endpoint:
    return Endpoint(toolset=_ref(params, is_public=True))


def _ref(params: Mapping[str, str], *, is_public: bool) -> ToolSetRef:
    slug, at, version = params["slug"].partition("@")
    return ToolSetRef(organization=params["org"], toolset=slug, version=version if at else None, is_public=is_public)


def _input_schema_of_offered(name: str) -> Mapping[str, Any] | None:
    offers = _offered.get()
    return None if offers is None else _input_schema_of(offers, name)


def _input_schema_of(offers: Offers, name: str) -> Mapping[str, Any] | None:
    offer = offers.by_name.get(name)
    return None if offer is None else offer.tool.input_schema


def _check_type(headers: Fields) -> None:
    check_type(type_headers(trimmed(headers)))


async def _until_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _keep_alive(send: Send) -> None:
    """Comments now and then, so that no proxy takes the silence for death."""
    while True:
        await anyio.sleep(_PING_EVERY_S)
        await send({"type": "http.response.body", "body": b": ping\n\n", "more_body": True})
