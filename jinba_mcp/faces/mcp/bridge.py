"""The bridge behind `jinba-mcp connect`: a stdio server that passes everything on to a remote MCP endpoint."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.session import ServerSession
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError

from jinba_mcp.faces.mcp import translate

CONNECT_TIMEOUT_S = 20.0
CALL_TIMEOUT_S = 960.0
"""Longer than any run may take, so that it is the server that says `Timeout`."""
_MAX_EVENT_BYTES = 64 * 1024 * 1024
_LISTEN_AGAIN_AFTER_S = 5.0

Transport: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens the pair of message streams that is served: (incoming, outgoing)."""

Context = ServerRequestContext[Any, Any]


class BridgeFailed(Exception):
    """The remote endpoint cannot be used; the message says why."""


async def serve(
    url: str,
    secret: str | None,
    version: str,
    *,
    transport: Transport = stdio_server,
    network: httpx2.AsyncBaseTransport | None = None,
) -> None:
    """Bridge standard input and output to `url`, with `secret` as bearer, until standard input ends.

    Raises:
        BridgeFailed: the endpoint cannot be reached, refuses the key or does not speak MCP.
    """
    async with _connected(url, secret, network) as client, anyio.create_task_group() as tasks:
        bridge = _Bridge(client, version)
        tasks.start_soon(bridge.relay_changes)
        async with transport() as (incoming, outgoing):
            options = bridge.server.create_initialization_options(NotificationOptions(tools_changed=True))
            await bridge.server.run(incoming, outgoing, options)
        tasks.cancel_scope.cancel()


class _Bridge:
    """A server whose every answer is the remote's."""

    def __init__(self, client: Client, version: str) -> None:
        self._client = client
        self._bus = InMemorySubscriptionBus()
        self._announced_to: set[ServerSession] = set()
        remote = client.server_info
        self.server = Server[Any](
            remote.name if remote else "jinba-mcp",
            version=remote.version if remote else version,
            title=remote.title if remote else None,
            instructions=client.instructions,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_subscriptions_listen=ListenHandler(self._bus),
        )
        self.server.middleware = [self._note_initialized]

    async def relay_changes(self) -> None:
        """Pass on that the list of tools has changed, for as long as the remote can say so."""
        while True:
            try:
                async with self._client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        await self._bus.publish(ToolsListChanged())
                        for session in self._announced_to:
                            await session.send_tool_list_changed()
            except ListenNotSupportedError:
                return
            except (SubscriptionLost, TimeoutError, MCPError):
                await anyio.sleep(_LISTEN_AGAIN_AFTER_S)

    async def _list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        cursor = None if params is None else params.cursor
        answer = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
        return answer.model_copy(update={"tools": [_tool(tool, ctx.protocol_version) for tool in answer.tools]})

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        answer = await self._client.call_tool(
            params.name, params.arguments, CALL_TIMEOUT_S, progress_callback=ctx.session.report_progress
        )
        is_object = isinstance(answer.structured_content, dict)
        if translate.may_be_structured(is_object=is_object, protocol_version=ctx.protocol_version):
            return answer
        return answer.model_copy(update={"structured_content": None})

    async def _note_initialized(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        if ctx.method == "notifications/initialized":
            self._announced_to.add(ctx.session)
        return await call_next(ctx)


def _tool(tool: types.Tool, protocol_version: str) -> types.Tool:
    """The tool for a client that may be of an older era than the remote, which we ask in its newest."""
    schema = tool.output_schema
    if schema is None or translate.may_be_structured(
        is_object=schema.get("type") == "object", protocol_version=protocol_version
    ):
        return tool
    return tool.model_copy(update={"output_schema": None})


@asynccontextmanager
async def _connected(url: str, secret: str | None, network: httpx2.AsyncBaseTransport | None) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    timeout = httpx2.Timeout(CONNECT_TIMEOUT_S, read=CALL_TIMEOUT_S)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout, transport=network) as http:
        await _check(http, url)
        transport = streamable_http_client(url, http_client=http, max_sse_event_size=_MAX_EVENT_BYTES)
        async with Client(transport, read_timeout_seconds=CONNECT_TIMEOUT_S) as client:
            yield client


async def _check(http: httpx2.AsyncClient, url: str) -> None:
    """Ask once by hand, because the SDK's client hides behind general words why a server refused it."""
    ping = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
    accept = "application/json, text/event-stream"
    try:
        answer = await http.post(url, json=ping, headers={"Accept": accept})
    except httpx2.InvalidURL as error:
        raise BridgeFailed("The URL cannot be used.") from error
    except httpx2.TransportError as error:
        why = str(error) or type(error).__name__
        raise BridgeFailed(f"Cannot reach {_shown(url)}: {why}. Is the server running?") from error
    if answer.is_success:
        return
    raise BridgeFailed(f"{_shown(url)} answered {answer.status_code}: {_reason(answer)}")


def _shown(url: str) -> str:
    """The URL without what may be secret in it, since clients keep what is said here in their logs."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _reason(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
        return str(body["error"]["message"] if "error" in body else body["detail"])
    except (ValueError, LookupError, TypeError):
        return answer.text[:300] or answer.reason_phrase
