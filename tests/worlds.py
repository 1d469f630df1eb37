"""A core on each database, with the real in-process engine and a clock that stands still until it is moved."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.core import core
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.core import Core
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.toolsets import Source, SourceTool
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.runs import Run, RunSource
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.toolsets import Listing, Visibility
from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.store import Store

GREET = """
def run(name: str) -> dict:
    return {"message": f"Hello, {name}!"}
"""


@dataclass
class StillClock:
    """Time that moves only when told to."""

    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class World:
    """A core with two organizations, and short ways to the callers that tests need."""

    core: Core
    store: Store
    clock: StillClock
    operator: Caller
    observed: list[Run] = field(default_factory=list)

    async def key(self, *scopes: Scope, organization: str = "default", **terms: object) -> Caller:
        """A caller with an organization key of these scopes."""
        owner = await self.core.organizations.operator(organization)
        issued = await self.core.keys.issue(
            owner, organization, KeyTerms.model_validate({"name": "test", "scopes": scopes, **terms})
        )
        return await self.core.keys.authenticate(issued.secret)

    async def publish(self, slug: str = "greeting-tools", organization: str = "default", **tools: str) -> None:
        """Push a ToolSet of these tools (slug=code, `_` for `-`); without any, one called greet."""
        code = {name.replace("_", "-"): text for name, text in tools.items()} or {"greet": GREET}
        source = Source(
            slug=slug,
            tools=tuple(SourceTool(slug=name, code=text) for name, text in code.items()),
            listing=Listing(visibility=Visibility.PUBLIC, mcp_enabled=True, tags=("demo",)),
        )
        owner = await self.core.organizations.operator(organization)
        await self.core.versions.push(owner, organization, source)

    async def call(self, caller: Caller, path: str = "greeting-tools/greet", /, **arguments: object) -> Run:
        """Call `toolset/tool` of the default organization."""
        toolset, _, tool = path.partition("/")
        ref = ToolRef(organization="default", toolset=toolset, tool=tool)
        return await self.core.runs.call(caller, ref, dict(arguments), CallContext(source=RunSource.REST))  # type: ignore[arg-type]  # any JSON


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    clock = StillClock()
    engine = InProcessEngine(max_threads=8)
    observed: list[Run] = []
    built = core.build(
        store, Engines({"inprocess": engine}), clock, limits=Limits(timeout_s=5), observe=observed.append
    )
    default = await built.organizations.ensure_default()
    await built.organizations.create(await built.organizations.operator("default"), "other", "Other")
    yield World(built, store, clock, await built.organizations.operator(default.slug), observed)
    await engine.close()


@pytest.fixture
def make_source() -> Callable[..., Source]:
    def make(slug: str = "greeting-tools", code: str = GREET, **fields: object) -> Source:
        tools = (SourceTool(slug="greet", code=code),)
        return Source.model_validate({"slug": slug, "tools": tools, **fields})

    return make
