"""The yardstick: the SDK's low-level server with the same tool, without keys, schemas or records."""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
NAMES = ["add", *(f"a-{number:04}" for number in range(1, int(os.environ.get("TOOLS", "1"))))]
TOOLS = [types.Tool(name=name, description="Adds two integers.", input_schema=SCHEMA) for name in sorted(NAMES)]


async def list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    """As many tools as TOOLS says, on one page."""
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Add, as our benchmark tool does."""
    arguments = params.arguments or {}
    answer = {"sum": arguments["a"] + arguments["b"]}
    return types.CallToolResult(content=[types.TextContent(text=str(answer))], structured_content=answer)


def app() -> Starlette:
    """Stateless, both eras, the input-schema look-up set, as ours is."""
    server = Server[Any](
        "bare",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda _: SCHEMA,
    )
    manager = StreamableHTTPSessionManager(server, stateless=True)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Route("/mcp", StreamableHTTPASGIApp(manager))], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(app(), port=int(os.environ["PORT"]), log_level="warning", access_log=False, loop="uvloop")
