"""The fast lane: plain requests, answered by the SDK's handlers but without a transport and a session for each.

The SDK is the reference. Whatever `asked` does not understand goes its way, and what is answered here is what it would
have answered; where the two differ, this is wrong.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio
from mcp.server.connection import Connection
from mcp.server.runner import modern_error_data, serve_one
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp.shared.transport_context import TransportContext
from mcp_types import INTERNAL_ERROR, SERVER_INFO_META_KEY, ErrorData, JSONRPCError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.types import Receive, Send

from jinba_mcp.core.catalog import Offers
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.mcp.asked import Asked
from jinba_mcp.faces.mcp.server import Call, McpServer, called, counted
from jinba_mcp.faces.mcp.session import Session
from jinba_mcp.faces.mcp.shaping import shaped
from jinba_mcp.faces.web.watching import Watch

logger = logging.getLogger(__name__)

_MAX_CURSOR = 200
_ENTRY_BYTES = 1_000
"""What a result costs beside itself, about: its key above all."""
_PING = b": ping\r\n\r\n"
_OK = 200
_STREAM_HEAD = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"text/event-stream"),
    (b"x-accel-buffering", b"no"),
]
_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


class Lane:
    """Answers requests that `asked` understood."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._written = Written()

    async def answer(self, asked: Asked, session: Session, offers: Offers, receive: Receive, send: Send) -> None:
        """Answer one request; the run that it started is cancelled as soon as the client hangs up."""
        reply = _Reply(send, is_stream=not asked.is_modern)
        with Watch(receive, partial(session.core.runs.abandon, asyncio.current_task()), reply.ping) as watch:
            told = await self._message(asked, session, offers)
        if not watch.is_gone:
            await reply.finish(*told)

    async def _message(self, asked: Asked, session: Session, offers: Offers) -> tuple[int, bytes]:
        try:
            result = await self._result(asked, session, offers)
        except Exception as failure:  # noqa: BLE001  the tool has run, so the SDK cannot be asked any more
            return _failed(asked, failure)
        return _OK, b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (to_json(asked.id), result)

    async def _result(self, asked: Asked, session: Session, offers: Offers) -> bytes:
        if asked.method == "tools/call":
            return to_json(await self._called(asked, session, offers))
        key = _key(asked, offers)
        written = None if key is None else self._written.find(key)
        if written is not None:
            await counted(session, asked.method)
            return written
        # Of these offers, which the key is made of: by now there may be others.
        written = to_json(await self._served(asked, replace(session, found=offers)))
        if key is not None:
            self._written.keep(key, written)
        return written

    async def _called(self, asked: Asked, session: Session, offers: Offers) -> JsonObject:
        refused = await counted(session, asked.method)
        if refused is not None:
            return refused
        params = asked.params or {}
        arguments: Any = params.get("arguments") or {}
        call = Call(str(params["name"]), arguments, asked.version, asked.client_name)
        return self._shaped(asked, await called(session, offers, call))

    def _shaped(self, asked: Asked, result: JsonObject) -> JsonObject:
        """The result as the protocol's version has it, signed where that wants it."""
        try:
            told = shaped(result, asked.version)
        except ValidationError:
            logger.exception("handler for %r returned an invalid result", asked.method)
            raise MCPError(code=INTERNAL_ERROR, message="Handler returned an invalid result") from None
        if asked.is_modern:
            meta: Any = told.get("_meta") or {}
            told["_meta"] = {**meta, SERVER_INFO_META_KEY: self._server.server_info_stamp}
        return told

    async def _served(self, asked: Asked, session: Session) -> dict[str, Any]:
        """What the SDK's kernel makes of the request; the session stands where stdio has its own."""
        exchange, connection = _Exchange(asked.id), _connection(asked)
        return await serve_one(
            self._server, exchange, asked.method, asked.params, connection=connection, lifespan_state=session
        )


class Written:
    """Results as they went over the wire, under all that they depend on, so that none is ever out of date."""

    def __init__(self, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable) -> bytes | None:
        """The result under `key`, if it is still kept."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, result: bytes) -> None:
        """Keep a result; those that were not asked for longest give way."""
        if key in self._kept:
            self._bytes -= _ENTRY_BYTES + len(self._kept.pop(key))
        self._bytes += _ENTRY_BYTES + len(result)
        self._kept[key] = result
        while self._bytes > self._max_bytes:
            self._bytes -= _ENTRY_BYTES + len(self._kept.popitem(last=False)[1])


@dataclass(frozen=True)
class _Exchange:
    """What the SDK's handlers see of a request to which nothing but its answer can be sent."""

    request_id: int | str
    transport: TransportContext = _TRANSPORT
    message_metadata: None = None
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,  # noqa: ARG002  as in the protocol
        opts: CallOptions | None = None,  # noqa: ARG002  as in the protocol
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        pass

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        pass


class _Reply:
    """The answer to one request: whole at its end, unless it had to become a stream to say that it takes long."""

    def __init__(self, send: Send, *, is_stream: bool) -> None:
        self._send = send
        self._is_stream = is_stream
        self._has_begun = False

    async def ping(self) -> None:
        """Say that it takes longer, so that no proxy takes the silence for death."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": _PING, "more_body": True})

    async def finish(self, status: int, message: bytes) -> None:
        """Send the answer; `status` is heard only if nothing was said before."""
        if self._is_stream or self._has_begun:
            await self._begin()
            message = b"event: message\r\ndata: %b\r\n\r\n" % message
        else:
            head = [(b"content-length", b"%d" % len(message)), (b"content-type", b"application/json")]
            await self._send({"type": "http.response.start", "status": status, "headers": head})
        await self._send({"type": "http.response.body", "body": message, "more_body": False})

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._send({"type": "http.response.start", "status": _OK, "headers": _STREAM_HEAD})
            self._has_begun = True


def _connection(asked: Asked) -> Connection:
    return Connection.from_envelope(asked.version, asked.client_info, asked.client_capabilities)


def _key(asked: Asked, offers: Offers) -> Hashable | None:
    """All that the result of a request depends on; None where that is more than can be named."""
    params = asked.params or {}
    if asked.method == "tools/list":
        cursor = str(params.get("cursor") or "")
        # A longer one is none of ours, which the list will say.
        return (asked.method, asked.version, offers.fingerprint, cursor) if len(cursor) <= _MAX_CURSOR else None
    if asked.method == "initialize":
        wanted = params["protocolVersion"]
        return asked.method, asked.version, offers.instructions, wanted in HANDSHAKE_PROTOCOL_VERSIONS and wanted
    if asked.method in ("ping", "server/discover"):
        return asked.method, asked.version, offers.instructions
    return None


def _failed(asked: Asked, failure: Exception) -> tuple[int, bytes]:
    """Status and message for what a handler raised, in the words of the SDK's transport of that era."""
    if asked.is_modern:
        error = modern_error_data(failure)
        told = JSONRPCError(jsonrpc="2.0", id=asked.id, error=error).model_dump(mode="json", exclude_none=True)
        return ERROR_CODE_HTTP_STATUS.get(error.code, _OK), json.dumps(told, separators=(",", ":")).encode()
    known = handler_exception_to_error_data(failure)
    if known is None:
        logger.error("handler for %r raised", asked.method, exc_info=failure)
        known = ErrorData(code=0, message=str(failure))
    return _OK, JSONRPCError(jsonrpc="2.0", id=asked.id, error=known).model_dump_json(exclude_unset=True).encode()
