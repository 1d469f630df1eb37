"""The Python SDK's client over every transport that we serve."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.session import IncomingMessage, MessageHandlerFnT
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.clients.conftest import TOOLSET, Served
from tests.clients.serving import COMMAND

HTTP, STDIO, BRIDGE = "http", "stdio", "bridge"
TRANSPORTS = (HTTP, STDIO, BRIDGE)
CONNECT_TIMEOUT_S = 60


async def _ignore(message: IncomingMessage) -> None:
    return


@asynccontextmanager
async def connected(
    served: Served, transport: str, mode: str, on_message: MessageHandlerFnT = _ignore
) -> AsyncIterator[Client]:
    """A client in one of its two modes; `on_message` gets the notifications of the server."""
    if transport == HTTP:
        async with httpx2.AsyncClient(headers=served.headers, timeout=CONNECT_TIMEOUT_S) as http:
            remote = streamable_http_client(served.endpoint, http_client=http)
            async with Client(remote, mode=mode, message_handler=on_message) as client:
                yield client
    else:
        async with Client(process(served, transport), mode=mode, message_handler=on_message) as client:
            yield client


def process(served: Served, transport: str) -> StdioServerParameters:
    """The command that serves over stdio: the local registry itself, or a bridge to where it is served."""
    environment = served.registry.environment
    if transport == STDIO:
        return StdioServerParameters(command=COMMAND, args=["stdio", "--toolset", TOOLSET], env=environment)
    environment = {**environment, "JINBA_API_KEY": served.key}
    return StdioServerParameters(command=COMMAND, args=["connect", served.endpoint], env=environment)
