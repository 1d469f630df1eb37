"""The REST face in process: a real core on a real database, asked through the whole ASGI stack."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette

from jinba_mcp.core import core
from jinba_mcp.core.core import Core
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.limits import Limits
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.errors import OrganizationNotFound
from jinba_mcp.domain.limits import Quotas
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Listing, Visibility
from jinba_mcp.faces.rest.routes import routes
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from jinba_mcp.sandbox.engine import Engine
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.counters import MemoryCounters
from jinba_mcp.storage.store import Store
from tests.databases import run_apart
from tests.faces.rest import documented
from tests.worlds import PretendedResolver, StillClock, a_workshop, an_admission

MAX_BODY_BYTES = 256 * 1024
GREET = """
def run(name: str) -> dict:
    "Greet someone."
    print("greeting", name)
    return {"greeting": f"Hello, {name}!"}
"""
FAIL = """
def run() -> dict:
    raise RuntimeError("no luck")
"""
ECHO = """
def run(**anything):
    return anything
"""


@dataclass
class Rest:
    """A served core, with short ways to ask it as someone."""

    core: Core
    store: Store
    clock: StillClock
    app: Edge
    base_url: str = "http://localhost"
    _secrets: dict[tuple[object, ...], str] = field(default_factory=dict)

    async def secret(self, *scopes: str, organization: str = "default", **terms: Any) -> str:
        """A key with these scopes; the same one for the same question."""
        asked = (organization, scopes, repr(terms))
        if asked not in self._secrets:
            owner = await self.core.organizations.operator(organization)
            wanted = KeyTerms.model_validate({"name": "test", "scopes": scopes, **terms})
            self._secrets[asked] = (await self.core.keys.issue(owner, organization, wanted)).secret
        return self._secrets[asked]

    async def personal_secret(self, email: str, *scopes: str) -> str:
        owner = await self.core.organizations.operator("default")
        terms = KeyTerms.model_validate({"name": "mine", "scopes": scopes})
        return (await self.core.keys.issue_personal(owner, terms, email=email)).secret

    async def ask(
        self, method: str, path: str, *scopes: str, secret: str | None = None, checked: bool = True, **request: Any
    ) -> httpx2.Response:
        """One request with a key of these scopes (none without any), held against the OpenAPI document."""
        if scopes:
            secret = await self.secret(*scopes)
        headers = dict(request.pop("headers", {}))
        if secret is not None:
            headers.setdefault("Authorization", f"Bearer {secret}")
        transport = httpx2.ASGITransport(app=self.app)
        with anyio.fail_after(60):
            async with httpx2.AsyncClient(transport=transport, base_url=self.base_url) as client:
                response = await client.request(method, path, headers=headers, **request)
        if checked:
            documented.check(response)
        return response

    async def push(self, slug: str = "greeting-tools", organization: str = "default", **source: Any) -> None:
        """Publish a ToolSet: public, served over MCP, with the tools `greet` and `fail` unless told otherwise."""
        fields: dict[str, Any] = {
            "tools": (SourceTool(slug="greet", code=GREET), SourceTool(slug="fail", code=FAIL)),
            "sandbox": Sandbox(provider="inprocess"),
            "listing": Listing(visibility=Visibility.PUBLIC, mcp_enabled=True, tags=("demo",)),
            **source,
        }
        owner = await self.core.organizations.operator(organization)
        await self.core.versions.push(owner, organization, Source(slug=slug, **fields))


async def _found_organizations(built: Core) -> None:
    await built.organizations.ensure_default()
    owner = await built.organizations.operator("default")
    try:
        await built.organizations.resolve("other")
    except OrganizationNotFound:
        await built.organizations.create(owner, "other", "Other", owner_email="ada@example.com")


@pytest.fixture(scope="session")
def served_sqlite_file(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has the organizations of all that is served, to be copied: faster than making them each time."""

    async def found(path: Path) -> None:
        store = await Store.open(f"sqlite:///{path}")
        try:
            workshop = a_workshop(PretendedResolver(), Keyring(path.with_name("secret.key")))
            built = core.build(store, StillClock(), workshop, observe=lambda _: None, admission=an_admission())
            await _found_organizations(built)
        finally:
            await store.close()

    path = Path(shutil.copyfile(migrated_sqlite_file, tmp_path_factory.mktemp("served") / "jinba.db"))
    run_apart(found(path))
    return path


@pytest.fixture
def sqlite_url(served_sqlite_file: Path, tmp_path: Path) -> str:
    """A database of the test's own that has the organizations of all that is served."""
    return f"sqlite:///{shutil.copyfile(served_sqlite_file, tmp_path / 'jinba.db')}"


Serve = Callable[..., AbstractAsyncContextManager[Rest]]


@pytest.fixture
def serve(resolver: PretendedResolver, keyring: Keyring) -> Serve:
    """`async with serve(database_url) as rest`."""

    @asynccontextmanager
    async def serving(
        url: str, *engines: Engine, public_url: str | None = None, quotas: Quotas | None = None
    ) -> AsyncIterator[Rest]:
        store, clock, metrics = await Store.open(url), StillClock(), Metrics()
        engine = InProcessEngine(max_threads=8)
        workshop = a_workshop(resolver, keyring, engine, *engines)
        limits = Limits(MemoryCounters(clock), quotas or Quotas())
        built = core.build(store, clock, workshop, observe=metrics.observe_run, admission=an_admission(), limits=limits)
        await _found_organizations(built)
        table = routes(built, Site(public_url), metrics, max_body_bytes=MAX_BODY_BYTES)
        app = Edge(Starlette(routes=table), metrics=metrics, public_url=public_url)
        try:
            yield Rest(built, store, clock, app)
        finally:
            await engine.close()
            await store.close()

    return serving


@pytest.fixture
async def rest(serve: Serve, sqlite_url: str) -> AsyncIterator[Rest]:
    async with serve(sqlite_url) as served:
        yield served
