"""MCP endpoints in process: ways to connect, by HTTP through the whole ASGI stack and in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from starlette.applications import Starlette
from starlette.types import Message

from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from tests.worlds import World

TOOLSET = "/v1/orgs/default/toolsets/greeting-tools/mcp"
MODES: list[Literal["auto", "legacy"]] = ["auto", "legacy"]
EVERYTHING = (Scope.READ, Scope.EXECUTE)

ECHO = '''
from jinba_mcp.authoring import progress

def run(word: str, times: int = 1) -> dict:
    """Repeat a word."""
    for done in range(times):
        progress(done + 1, times, f"step {done + 1}")
    return {"words": [word] * times}
'''


@dataclass
class Served:
    """The MCP face of a world, reachable by HTTP."""

    world: World
    app: Edge
    mcp: McpHttp

    async def secret(self, *scopes: Scope, organization: str = "default", **terms: Any) -> str:
        owner = await self.world.core.organizations.operator(organization)
        wanted = KeyTerms.model_validate({"name": "test", "scopes": scopes or EVERYTHING, **terms})
        return (await self.world.core.keys.issue(owner, organization, wanted)).secret

    @asynccontextmanager
    async def http(self, secret: str | None) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            yield client

    @asynccontextmanager
    async def client(
        self, path: str = TOOLSET, *, secret: str | None = None, mode: str = "auto", **options: Any
    ) -> AsyncIterator[Client]:
        """The SDK's client, connected to an endpoint by HTTP."""
        async with self.http(secret or await self.secret()) as http:
            transport = streamable_http_client(f"http://localhost{path}", http_client=http)
            async with Client(transport, mode=mode, **options) as client:
                yield client

    async def post(self, path: str, secret: str | None, body: Any, **headers: str) -> httpx2.Response:
        """One raw request, in the handshake era unless the headers say otherwise."""
        accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        sent = {"content": body} if isinstance(body, bytes | str) else {"json": body}
        async with self.http(secret) as client:
            return await client.post(path, headers=accept | headers, **sent)


@asynccontextmanager
async def serving(
    world: World, *, max_body_bytes: int = 4 * 1024 * 1024, has_lane: bool = True
) -> AsyncIterator[Served]:
    """The MCP face over a world, for as long as the block runs."""
    mcp = McpHttp(world.core, "1.2.3", max_body_bytes=max_body_bytes, has_lane=has_lane)
    app = Edge(Starlette(routes=mcp.routes()), metrics=Metrics())
    async with mcp.running():
        yield Served(world, app, mcp)


class Stream:
    """The client's side of an open GET stream, driven by hand because the transport above waits for the end."""

    def __init__(self) -> None:
        self.status = 0
        self.received: list[bytes] = []
        self._news = anyio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, within bounds, for what has been received to fulfil a condition."""
        with anyio.fail_after(60):
            while not condition():
                self._news = anyio.Event()
                await self._news.wait()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.received.append(message.get("body", b""))
        self._news.set()


class Pipe:
    """Both ends of a pair of message streams: one to serve, one for a client."""

    def __init__(self) -> None:
        self._to_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self._to_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Any]:
        async with self._to_client[0] as outgoing, self._to_server[1] as incoming:
            yield incoming, outgoing

    @asynccontextmanager
    async def used(self) -> AsyncIterator[Any]:
        async with self._to_server[0] as outgoing, self._to_client[1] as incoming:
            yield incoming, outgoing


@asynccontextmanager
async def unused() -> AsyncIterator[Any]:
    """Stands where a transport is asked for that must not be opened."""
    raise AssertionError("the transport was opened")
    yield
