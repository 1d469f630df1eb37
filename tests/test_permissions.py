"""Who may do what: every operation of REST and MCP, every scope, own and other organization, out of the tables."""

import re
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.routes import OPERATIONS, routes
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from tests.worlds import World

SCOPES: list[tuple[Scope, ...]] = [(), *((scope,) for scope in Scope)]
BODIES: dict[str, dict[str, Any]] = {
    "runs_call": {"name": "Alice"},
    "runs_call_public": {"name": "Alice"},
    "runs_call_public_short": {"name": "Alice"},
    "versions_publish": {"version": "2.0.0"},
    "versions_activate": {"version": "1.0.0"},
    "keys_issue": {"name": "new", "scopes": ["read"]},
    "keys_issue_personal": {"name": "new", "scopes": ["read"]},
    "keys_change": {"name": "renamed"},
    "keys_rotate": {},
}
PUBLIC = [operation for operation in OPERATIONS if "/public/" in operation.path]
OWNED = [operation for operation in OPERATIONS if operation.path.startswith("/v1/orgs/{org}")]
MCP_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@dataclass
class Asked:
    """A served world, with one thing of each kind in the organization `default` to ask for."""

    client: httpx2.AsyncClient
    names: dict[str, str]
    world: World

    async def status(self, operation: Operation, *scopes: Scope, organization: str = "default") -> int:
        """The status for a key that holds `scopes` (and nothing else) in `organization`."""
        headers = {"Authorization": f"Bearer {await self._secret(scopes, organization)}"} if scopes else {}
        body: Any = {"json": BODIES.get(operation.name, {})} if operation.body is not None else {}
        answer = await self.client.request(operation.method, self.path(operation), headers=headers, **body)
        return answer.status_code

    async def mcp(self, path: str, body: dict[str, Any], *scopes: Scope, organization: str = "default") -> Any:
        headers = {"Accept": "application/json, text/event-stream"}
        if scopes:
            headers["Authorization"] = f"Bearer {await self._secret(scopes, organization)}"
        return await self.client.post(path, json=body, headers=headers)

    def path(self, operation: Operation) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.names[match[1]], operation.path)

    async def _secret(self, scopes: tuple[Scope, ...], organization: str) -> str:
        owner = await self.world.core.organizations.operator(organization)
        terms = KeyTerms(name="asking", scopes=scopes)
        return (await self.world.core.keys.issue(owner, organization, terms)).secret


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Who may do what is decided above the databases; one of them is enough."""
    return sqlite_url


@pytest.fixture
async def asked(world: World) -> Any:
    await world.publish()
    run = await world.call(world.operator, name="Alice")
    key = await world.core.keys.issue(world.operator, "default", KeyTerms(name="target"))
    names = {
        "org": "default",
        "slug": "greeting-tools",
        "tool": "greet",
        "version": "1.0.0",
        "otherVersion": "1.0.0",
        "runId": run.id,
        "keyId": key.key.id,
    }
    mcp = McpHttp(world.core, "1", max_body_bytes=100_000)
    table = [*routes(world.core, Site(None), Metrics(), max_body_bytes=100_000), *mcp.routes()]
    transport = httpx2.ASGITransport(app=Edge(Starlette(routes=table), metrics=Metrics()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Asked(client, names, world), mcp


def is_enough(access: Access, scopes: tuple[Scope, ...]) -> bool:
    return access is Access.ANY or Scope.ADMIN in scopes or access.value in scopes


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_in_the_own_organization_the_scope_decides(asked: tuple[Asked, McpHttp], operation: Operation) -> None:
    for scopes in SCOPES:
        status = await asked[0].status(operation, *scopes)
        if operation.access is Access.NONE:
            assert status == 200, scopes
        elif not scopes:
            assert status == 401
        elif operation.access is Access.PERSONAL or not is_enough(operation.access, scopes):
            assert status == 403, scopes
        else:
            # 409: let in, and found that an earlier scope of this walk had done it already.
            assert status in (200, 201, 204, 409), scopes


@pytest.mark.parametrize("operation", OWNED, ids=lambda operation: operation.name)
async def test_in_another_organization_nothing_is_there(asked: tuple[Asked, McpHttp], operation: Operation) -> None:
    for scope in Scope:
        assert await asked[0].status(operation, scope, organization="other") == 404, scope


@pytest.mark.parametrize("operation", PUBLIC, ids=lambda operation: operation.name)
async def test_what_is_public_runs_with_any_key_that_may_execute(
    asked: tuple[Asked, McpHttp], operation: Operation
) -> None:
    for scope in Scope:
        allowed = scope in (Scope.EXECUTE, Scope.ADMIN)
        assert await asked[0].status(operation, scope, organization="other") == (200 if allowed else 403), scope


MCP_PATHS = {
    "toolset": "/v1/orgs/default/toolsets/greeting-tools/mcp",
    "pinned": "/v1/orgs/default/toolsets/greeting-tools@1.0.0/mcp",
    "organization": "/v1/orgs/default/mcp",
    "everything": "/mcp",
    "public": "/v1/public/default/greeting-tools/mcp",
}


@pytest.mark.parametrize("kind", MCP_PATHS)
async def test_mcp_lists_for_read_or_execute_and_calls_for_execute(asked: tuple[Asked, McpHttp], kind: str) -> None:
    asking, mcp = asked
    name = "greeting-tools__greet" if kind in ("organization", "everything") else "greet"
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {"name": "A"}}}
    async with mcp.running():
        for scopes in SCOPES:
            listed = await asking.mcp(MCP_PATHS[kind], MCP_LIST, *scopes)
            called = await asking.mcp(MCP_PATHS[kind], call, *scopes)
            held = set(scopes)
            if not held:
                assert (listed.status_code, called.status_code) == (401, 401)
            elif held & {Scope.EXECUTE, Scope.ADMIN}:
                assert f'"{name}"' in listed.text, scopes
                assert "Hello, A!" in called.text, scopes
            elif Scope.READ in held:
                assert f'"{name}"' in listed.text
                assert "needs the scope 'execute'" in called.text
            else:
                assert f'"{name}"' not in listed.text
                assert listed.status_code == 403 or kind == "everything"


@pytest.mark.parametrize("kind", [kind for kind in MCP_PATHS if kind not in ("everything", "public")])
async def test_mcp_of_another_organization_is_not_there(asked: tuple[Asked, McpHttp], kind: str) -> None:
    asking, mcp = asked
    async with mcp.running():
        for scope in Scope:
            answer = await asking.mcp(MCP_PATHS[kind], MCP_LIST, scope, organization="other")
            assert answer.status_code == 404, scope


def test_every_operation_is_walked() -> None:
    assert {operation.path for operation in OWNED if "{org}" not in operation.path} == set()
    rest = set(OPERATIONS) - set(OWNED) - set(PUBLIC)
    assert all("{org}" not in operation.path or "/explore/" in operation.path for operation in rest)
