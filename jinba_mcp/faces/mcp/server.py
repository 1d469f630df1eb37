"""The MCP server: one for all endpoints, since everything that differs is in the session of each request."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, INVALID_REQUEST

from jinba_mcp import logs
from jinba_mcp.core.catalog import Offers, offer_named
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain import pages
from jinba_mcp.domain.errors import CursorInvalid, JinbaError
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.mcp import session, translate
from jinba_mcp.faces.mcp.listeners import Listeners

TOOLS_PER_PAGE = 200
LIST_FRESH_MS = 10_000
"""How long a client may reuse a list without asking; who listens for changes learns of them at once anyway."""
_PROGRESS_WAITING = 256

Context = ServerRequestContext[Any, Any]
Progress = tuple[float, float | None, str | None]


class McpServer(Server[Any]):
    """The SDK's low-level server with our handlers and the promise of `listChanged` in both eras."""

    def __init__(
        self,
        version: str,
        listeners: Listeners,
        *,
        input_schema_of: Callable[[str], Mapping[str, Any] | None] | None = None,
        lifespan: Callable[[Server[Any]], AbstractAsyncContextManager[Any]] | None = None,
    ) -> None:
        """`input_schema_of` spares the SDK from listing all tools before each call of the modern era."""
        hint = CacheHint(ttl_ms=LIST_FRESH_MS, scope="private")
        super().__init__(
            "jinba-mcp",
            version=version,
            title="Jinba MCP",
            cache_hints={"tools/list": hint, "server/discover": hint},
            get_tool_input_schema=input_schema_of,
            on_subscriptions_listen=self._listen,
        )
        if lifespan is not None:
            self.lifespan = lifespan
        self._listeners = listeners
        self.add_request_handler("tools/list", types.PaginatedRequestParams, _list_tools)
        self.add_request_handler("tools/call", types.CallToolRequestParams, _call_tool)
        self.middleware = [_count, _personalise]

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """As the SDK's, but `tools.listChanged` is said unless the caller says otherwise."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)

    async def _listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        bus = InMemorySubscriptionBus()
        handler = ListenHandler(bus)
        try:
            with self._listeners.place(handler.close):
                changes = await session.of(ctx).watch()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_publish, changes, bus, handler)
                    answer = await handler(ctx, params)
                    tasks.cancel_scope.cancel()
        except JinbaError as error:
            raise translate.protocol_error(error, translate.plane(error) or INVALID_PARAMS) from error
        return answer


async def _publish(changes: AsyncGenerator[None, None], bus: InMemorySubscriptionBus, handler: ListenHandler) -> None:
    async with aclosing(changes):
        async for _ in changes:
            await bus.publish(ToolsListChanged())
    handler.close()


async def _list_tools(ctx: Context, params: types.PaginatedRequestParams) -> JsonObject:
    offers = await _offers(session.of(ctx))
    names = list(offers.by_name)
    if params.cursor is not None:
        try:
            after = pages.decode_cursor(params.cursor)
        except CursorInvalid as error:
            raise translate.protocol_error(error, INVALID_PARAMS) from error
        names = [name for name in names if name > after]
    shown = names[:TOOLS_PER_PAGE]
    answer: JsonObject = translate.COMPLETE | {
        "tools": [translate.tool(offers.by_name[name], ctx.protocol_version) for name in shown]
    }
    if len(names) > len(shown):
        answer["nextCursor"] = pages.encode_cursor(shown[-1])
    return answer


@dataclass(frozen=True)
class Call:
    """What a `tools/call` asks for; `client` is the name of the program that asks, where it gave one."""

    tool: str
    arguments: JsonObject
    protocol_version: str
    client: str | None


async def called(listening: session.Session, offers: Offers, call: Call, report: Reporter | None = None) -> JsonObject:
    """Run one of the tools that are offered and answer as `tools/call` does.

    Raises:
        MCPError: what went wrong is not for the model to read.
    """
    try:
        offer = offer_named(offers, call.tool)
        context = CallContext(source=listening.source, client=call.client, request_id=logs.request_id.get())
        run = await listening.core.runs.call(listening.caller, offer.ref, call.arguments, context, report)
        has_schema = offer.tool.output_schema is not None
        answer = translate.result(run, has_schema=has_schema, protocol_version=call.protocol_version)
        return translate.warned(answer, await listening.core.catalog.warnings(run.version_id))
    except JinbaError as error:
        return translate.refusal(error)


def _client_name(client: types.InitializeRequestParams | None) -> str | None:
    if client is None:
        return None
    return translate.called_itself(client.client_info.name, client.client_info.version)


async def _call_tool(ctx: Context, params: types.CallToolRequestParams) -> JsonObject:
    client = _client_name(ctx.session.client_params)
    call = Call(params.name, params.arguments or {}, ctx.protocol_version, client)
    listening = session.of(ctx)
    run = partial(called, listening, await _offers(listening), call)
    if ctx.meta is None or ctx.meta.get("progress_token") is None:
        return await run()
    return await _with_progress(ctx, run)


async def _with_progress(ctx: Context, call: Callable[[Reporter | None], Awaitable[JsonObject]]) -> JsonObject:
    """Run the call with its progress sent on, all of it before the result."""
    send, receive = anyio.create_memory_object_stream[Progress](_PROGRESS_WAITING)

    def report(done: float, total: float | None, message: str | None) -> None:
        # A client that reads too slowly loses steps in between, never the run its pace.
        if send.statistics().current_buffer_used < _PROGRESS_WAITING:
            send.send_nowait((done, total, message))

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_send_progress, ctx, receive)
            with send:
                answer = await call(report)
    except* MCPError as group:
        raise _first(group) from group
    return answer


async def _send_progress(ctx: Context, steps: MemoryObjectReceiveStream[Progress]) -> None:
    with steps:
        async for done, total, message in steps:
            await ctx.session.report_progress(done, total, message)


async def counted(listening: session.Session, method: str) -> JsonObject | None:
    """Count a request against the limits; what a model asked for is refused by a result, which the model can read.

    Raises:
        MCPError: it is refused, and nobody but the client would read why.
    """
    try:
        await listening.count()
    except JinbaError as error:
        if method == "tools/call":
            return translate.refusal(error)
        raise translate.protocol_error(error, translate.plane(error) or INVALID_REQUEST) from error
    return None


async def _count(ctx: Context, call_next: CallNext) -> HandlerResult:
    return await counted(session.of(ctx), ctx.method) or await call_next(ctx)


async def _personalise(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Greet with the title and description of what this endpoint serves."""
    answer = await call_next(ctx)
    if ctx.method in ("initialize", "server/discover") and isinstance(answer, dict):
        offers = await _offers(session.of(ctx))
        if offers.instructions:
            answer["instructions"] = offers.instructions
    return answer


async def _offers(listening: session.Session) -> Offers:
    try:
        return await listening.offers()
    except JinbaError as error:
        raise translate.protocol_error(error, translate.plane(error) or INVALID_PARAMS) from error


def _first(group: BaseExceptionGroup[MCPError]) -> MCPError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
