"""Who may do what: every operation of REST and MCP, every scope, own and other organization, out of the tables."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from jinba_mcp.authoring.archives import write_archive
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.sessions import Credentials, Origin
from jinba_mcp.core.webhooks import WebhookTerms
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.sessions import csrf_token
from jinba_mcp.domain.sources import Source
from jinba_mcp.domain.webhooks import EventName
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.routes import OPERATIONS, routes
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from jinba_mcp.storage.store import Store
from tests.databases import run_apart
from tests.worlds import GREET, PASSWORD, PretendedResolver, World, a_world

SCOPES: list[tuple[Scope, ...]] = [(), *((scope,) for scope in Scope), (Scope.WRITE, Scope.EXECUTE)]
WHERE = ("default", "other")
ROLES: list[Role | None] = [None, Role.MEMBER, Role.ADMIN, Role.OWNER]
"""From nobody of the organization's to its owner; those who may delete things come last."""
BODIES: dict[str, dict[str, Any]] = {
    "runs_call": {"name": "Alice"},
    "runs_call_public": {"name": "Alice"},
    "runs_call_public_short": {"name": "Alice"},
    "runs_test": {"name": "Alice"},
    "env_put": {"value": "1"},
    "toolsets_create": {"slug": "new-tools"},
    "toolsets_change": {"sandbox": {}},
    "tools_create": {"slug": "new", "code": "", "inputSchema": {"type": "object"}},
    "tools_change": {"name": "Greet"},
    "versions_publish": {"version": "2.0.0"},
    "versions_mark": {"deprecated": True},
    "versions_activate": {"version": "1.0.0"},
    "keys_issue": {"name": "new", "scopes": ["read"]},
    "keys_issue_personal": {"name": "new", "scopes": ["read"]},
    "keys_change": {"name": "renamed"},
    "keys_rotate": {},
    "organizations_change": {"name": "Renamed"},
    "retention_put": {"days": 30},
    "credits_change": {"kind": "grant", "amount": 1},
    "members_set_role": {"role": "member"},
    "invitations_create": {"email": "new@example.com"},
    "webhooks_create": {"url": "https://example.com/hook", "events": ["member.added"]},
    "webhooks_change": {"enabled": True},
}
ARCHIVE = write_archive(Source(slug="greeting-tools"))
QUERIES = {"toolsets_remove": {"confirm": "greeting-tools"}}
REMAKING = ("toolsets_remove", "tools_create", "tools_change", "tools_remove")
"""What needs a ToolSet that a key may edit, anew each time since one of them deletes it."""
PUBLIC = [operation for operation in OPERATIONS if "/public/" in operation.path]
OWNED = [operation for operation in OPERATIONS if operation.path.startswith("/v1/orgs/{org}")]
NOT_OF_PEOPLE = [operation for operation in OPERATIONS if operation not in PEOPLE]
"""Those of people are walked in a file of their own: more than scopes decides there."""
MCP_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def sent(operation: Operation, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Headers and body of a request, as the operation takes them."""
    if operation.upload is not None:
        return {"headers": {**headers, "Content-Type": operation.upload}, "content": ARCHIVE}
    return {"headers": headers, "json": body} if operation.body is not None else {"headers": headers}


Secrets = dict[tuple[str, tuple[Scope, ...]], str]
"""Of a key for each organization and each of `SCOPES` that there can be one for."""


Sessions = dict[Role | None, dict[str, str]]
"""What the browsers of people with each of `ROLES` in the organization `default` send along."""


@dataclass(frozen=True)
class Furnished:
    """A database with one thing of each kind in two organizations, their names, and what to ask with."""

    path: Path
    names: dict[str, str]
    """In the organization `default`."""
    names_of_other: dict[str, str]
    secrets: Secrets
    sessions: Sessions


@dataclass
class Asked:
    """A served world, with one thing of each kind in the organization `default` to ask for."""

    client: httpx2.AsyncClient
    names: dict[str, str]
    secrets: Secrets
    sessions: Sessions
    world: World

    async def status(self, operation: Operation, *scopes: Scope, organization: str = "default") -> int:
        """The status for a key that holds `scopes` (and nothing else) in `organization`."""
        headers = {"Authorization": f"Bearer {self.secrets[organization, scopes]}"} if scopes else {}
        if operation.name == "env_remove":
            # Anew each time, since it can be removed once only.
            setting = Setting(key=self.names["envKey"], value="1")
            await self.world.core.env.put(self.world.operator, self.names["org"], self.names["slug"], setting)
        if operation.name == "webhooks_remove":
            self.names = {**self.names, "webhookId": await _a_webhook(self.world)}
        if operation.name in REMAKING:
            await self.world.publish()
            sandboxed = {"sandbox": Sandbox()}
            await self.world.core.drafts.change(self.world.operator, self.names["org"], self.names["slug"], sandboxed)
        asking = sent(operation, headers, BODIES.get(operation.name, {}))
        params = QUERIES.get(operation.name)
        answer = await self.client.request(operation.method, self.path(operation), params=params, **asking)
        return answer.status_code

    async def mcp(self, path: str, body: dict[str, Any], *scopes: Scope, organization: str = "default") -> Any:
        headers = {"Accept": "application/json, text/event-stream"}
        if scopes:
            headers["Authorization"] = f"Bearer {self.secrets[organization, scopes]}"
        return await self.client.post(path, json=body, headers=headers)

    def path(self, operation: Operation) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.names[match[1]], operation.path)


@pytest.fixture(scope="session")
def asked_once(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Made once, for each test to copy."""
    folder = tmp_path_factory.mktemp("asked")
    path = Path(shutil.copyfile(migrated_sqlite_file, folder / "jinba.db"))
    return run_apart(_furnish(path, Keyring(folder / "secret.key")))


async def _furnish(path: Path, keyring: Keyring) -> Furnished:
    store = await Store.open(f"sqlite:///{path}")
    try:
        async with a_world(store, PretendedResolver(), keyring) as world:
            names = await _names(world, "default", "greeting-tools", "greet", "TOKEN")
            of_other = await _names(world, "other", "bowing-tools", "bow", "OTHER_TOKEN")
            asking = {(where, held): await _a_secret(world, where, held) for where in WHERE for held in SCOPES if held}
            sessions = {role: await signed_in(world, f"{role}@walking.example.com", role) for role in ROLES}
    finally:
        await store.close()
    return Furnished(path, names, of_other, asking, sessions)


async def _names(world: World, organization: str, slug: str, tool: str, env_key: str) -> dict[str, str]:
    """One thing of each kind that a path may name, made in that organization."""
    core, owner = world.core, await world.core.organizations.operator(organization)
    at = "target" if organization == "default" else organization
    await world.publish(slug, organization, **{tool: GREET})
    ref = ToolRef(organization=organization, toolset=slug, tool=tool)
    run = await core.runs.call(owner, ref, {"name": "Alice"}, CallContext(source=RunSource.REST))
    key = await core.keys.issue(owner, organization, KeyTerms(name="target"))
    user = await world.user(f"{at}@example.com", Role.MEMBER, organization)
    offer = Offer(email=f"invited-to-{organization}@example.com")
    webhook_id = await _a_webhook(world, organization)
    return {
        "org": organization,
        "slug": slug,
        "tool": tool,
        "version": "1.0.0",
        "envKey": env_key,
        "otherVersion": "1.0.0",
        "runId": run.id,
        "keyId": key.key.id,
        "userId": user.id,
        "invitationId": (await core.invitations.create(owner, organization, offer)).invitation.id,
        "webhookId": webhook_id,
        "deliveryId": (await core.deliveries.test(owner, organization, webhook_id)).id,
    }


async def signed_in(world: World, email: str, role: Role | None) -> dict[str, str]:
    """What the browser of someone with this role sends along."""
    await world.user(email, role)
    opened = await world.core.sessions.sign_in(Credentials(email, PASSWORD), Origin("pytest", None))
    return {"Cookie": f"jinba_session={opened.token}", "X-CSRF-Token": csrf_token(opened.token)}


async def _a_secret(world: World, organization: str, scopes: tuple[Scope, ...]) -> str:
    owner = await world.core.organizations.operator(organization)
    return (await world.core.keys.issue(owner, organization, KeyTerms(name="asking", scopes=scopes))).secret


async def _a_webhook(world: World, organization: str = "default") -> str:
    terms = WebhookTerms(url="https://example.com/hook", events=(EventName.MEMBER_ADDED,))
    owner = await world.core.organizations.operator(organization)
    return (await world.core.webhooks.create(owner, organization, terms)).webhook.id


@pytest.fixture
def database_url(asked_once: Furnished, tmp_path: Path) -> str:
    """Who may do what is decided above the databases; one of them is enough."""
    return f"sqlite:///{shutil.copyfile(asked_once.path, tmp_path / 'jinba.db')}"


@pytest.fixture
def keyring(asked_once: Furnished) -> Keyring:
    """What opens the secrets in that database."""
    return Keyring(asked_once.path.with_name("secret.key"))


@pytest.fixture
async def asked(world: World, asked_once: Furnished) -> Any:
    mcp = McpHttp(world.core, "1", max_body_bytes=100_000)
    table = [*routes(world.core, Site(None), Metrics(), max_body_bytes=100_000), *mcp.routes()]
    transport = httpx2.ASGITransport(app=Edge(Starlette(routes=table), metrics=Metrics()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Asked(client, asked_once.names, asked_once.secrets, asked_once.sessions, world), mcp


def is_enough(access: Access, scopes: tuple[Scope, ...]) -> bool:
    return access is Access.ANY or Scope.ADMIN in scopes or set(access.value.split("+")) <= set(scopes)


@pytest.mark.parametrize("operation", NOT_OF_PEOPLE, ids=lambda operation: operation.name)
async def test_in_the_own_organization_the_scope_decides(asked: tuple[Asked, McpHttp], operation: Operation) -> None:
    for scopes in SCOPES:
        status = await asked[0].status(operation, *scopes)
        if operation.access is Access.NONE:
            assert status == 200, scopes
        elif not scopes:
            assert status == 401
        elif operation.access in (Access.PERSONAL, Access.OPERATOR) or not is_enough(operation.access, scopes):
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
    rest = set(NOT_OF_PEOPLE) - set(OWNED) - set(PUBLIC)
    assert all("{org}" not in operation.path or "/explore/" in operation.path for operation in rest)
