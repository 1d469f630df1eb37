"""A running server with sandboxed tools, and the ways in which users reach it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from jinba_mcp import app as composition
from jinba_mcp.core.core import Core
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.settings import Settings
from tests.journeys.outside import Outside
from tests.resilience.places import PROGRAM, Place, Server

WITHIN_S = 120
ORGANIZATION = "/v1/orgs/default"
SETTINGS = {"JINBA_MAX_MEMORY_MB": "256", "JINBA_SHUTDOWN_GRACE_S": "0.5"}


@dataclass
class House:
    """A place, the server in it, and the world outside of it."""

    place: Place
    server: Server
    outside: Outside
    http: httpx2.Client

    def ask(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> httpx2.Response:
        """Ask REST, by the first key unless told otherwise; `path` is one below the organization, or a whole one."""
        headers = {"Authorization": f"Bearer {key or self.server.key}"}
        target = path if path.startswith("/v1") else ORGANIZATION + path
        return self.http.request(method, target, headers=headers, json=body)

    def run(self, address: str, /, **arguments: Any) -> dict[str, Any]:
        """The record of a run of `toolset/tool`, called by REST."""
        answer = self.ask("POST", run_path(address), body={"input": arguments})
        assert answer.status_code == 200, answer.text
        return self.record(answer.json()["runId"])

    def record(self, run_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def newest(self, source: str) -> dict[str, Any]:
        """The newest run that came this way."""
        found: dict[str, Any] = self.ask("GET", f"/runs?limit=1&source={source}").json()["data"][0]
        return found

    def set_secret(self, toolset: str, value: str, key: str = "TOKEN") -> None:
        answer = self.ask("PUT", f"/toolsets/{toolset}/env/{key}", body={"value": value, "secret": True})
        assert answer.status_code == 200, answer.text

    @asynccontextmanager
    async def client(self, toolset: str, mode: str = "auto") -> AsyncIterator[Client]:
        """The MCP SDK's client, over HTTP."""
        headers = {"Authorization": f"Bearer {self.server.key}"}
        url = f"http://127.0.0.1:{self.server.port}{ORGANIZATION}/toolsets/{toolset}/mcp"
        async with (
            httpx2.AsyncClient(headers=headers, timeout=WITHIN_S) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            yield client

    @asynccontextmanager
    async def stdio_client(self, toolset: str) -> AsyncIterator[Client]:
        """The same, over `jinba-mcp stdio` on the same database."""
        command = StdioServerParameters(
            command=PROGRAM, args=["stdio", "--toolset", toolset], env=self.place.environment
        )
        async with Client(command, mode="auto") as client:
            yield client

    @asynccontextmanager
    async def core(self, **settings: Any) -> AsyncIterator[Core]:
        """A core of the test's own on the same database, for what there is no REST for."""
        folder = self.place.folder
        own = Settings.model_validate({"data_dir": folder / "data", "load_toolsets": False, **settings})
        async with composition.opened(own) as app:
            yield app.core


async def issue(core: Core, *scopes: Scope, organization: str = "default") -> str:
    """The secret of a new key."""
    owner = await core.organizations.operator(organization)
    return (await core.keys.issue(owner, organization, KeyTerms(name="test", scopes=scopes))).secret


def run_path(address: str, verb: str = "run") -> str:
    toolset, _, tool = address.partition("/")
    return f"/toolsets/{toolset}/tools/{tool}/{verb}"
