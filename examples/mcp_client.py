"""Calls tools over MCP with the Python SDK: lists them, calls one, sees progress, reads an error as a model would."""

import os
import sys

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent, Tool

URL = os.environ.get("JINBA_URL", "http://127.0.0.1:8700").rstrip("/")
KEY = os.environ.get("JINBA_API_KEY", "")
TIMEOUT_S = 60


async def main() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(10, read=TIMEOUT_S)) as http,
        Client(streamable_http_client(f"{URL}/mcp", http_client=http), read_timeout_seconds=TIMEOUT_S) as client,
    ):
        print(f"Connected to {URL}, speaking MCP {client.protocol_version}. The tools that this key may call:")
        names = [tool.name for tool in await every_tool(client)]
        print("  " + "\n  ".join(names))

        result = await client.call_tool("greeting-tools__greet", {"name": "Alice"})
        print(f"A call, and its structured content: {result.structured_content}")

        refused = await client.call_tool("greeting-tools__greet", {"nam": "Alice"})
        said = " ".join(block.text for block in refused.content if isinstance(block, TextContent))
        print(f"A wrong call, and what a model would read (is_error is {refused.is_error}): {said}")

        if "my-tools__find-primes" in names:
            print("A call that says how far it is:")
            found = await client.call_tool("my-tools__find-primes", {"limit": 50_000}, progress_callback=show)
            print(f"  {found.structured_content}")
        else:
            print("To see progress, add a tool that reports it: jinba-mcp toolsets push examples/my-tools")


async def every_tool(client: Client) -> list[Tool]:
    page = await client.list_tools()
    tools = list(page.tools)
    while page.next_cursor is not None:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tools


async def show(progress: float, total: float | None, message: str | None) -> None:
    print(f"  {progress:g} of {total:g}: {message}" if total else f"  {progress:g}: {message}")


if __name__ == "__main__":
    if not KEY or not KEY.isascii():
        sys.exit("Set JINBA_API_KEY to a key, such as 'jinba-mcp keys create --name example' prints.")
    problem = None
    # What goes wrong in the SDK's background tasks arrives in groups.
    try:
        anyio.run(main)
    except* (httpx2.TransportError, httpx2.InvalidURL):
        problem = f"There is no answer from {URL}. Start the server with 'make run', or set JINBA_URL to where it is."
    except* MCPError as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        problem = f"{URL} refused: {error}"
    sys.exit(problem)
