"""Sources made into content: what is asked of the engine and the resolver, what is taken over, and what is refused."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from jinba_mcp.core import sources
from jinba_mcp.core.sources import Sources, check_schemas
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain import schema_weights
from jinba_mcp.domain.errors import FieldsInvalid, SandboxUnavailable, TooLarge
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Draft, Origin
from jinba_mcp.sandbox.engine import Program
from tests.worlds import PretendedResolver, PretendedSandbox, StillClock, World

HTTPX = (Package(name="httpx"),)
Described = Callable[..., Any]


@pytest.fixture
def up(sandbox: PretendedSandbox) -> PretendedSandbox:
    sandbox.is_up = True
    return sandbox


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here is stored."""
    return sqlite_url


@pytest.fixture
def making(world: World) -> Sources:
    return world.core.drafts._sources


def source_of(*tools: tuple[str, str], **fields: Any) -> Source:
    made = tuple(SourceTool(slug=slug, code=code) for slug, code in tools)
    return Source(slug="my-tools", tools=made, **fields)


async def drafted(making: Sources, source: Source, before: Draft | None = None) -> Draft:
    made = await making.described(source, Origin.API, before)
    now = StillClock().now
    return Draft(
        content=made.content, origin=Origin.API, source_digest=source.digest, derived=made.derived, updated_at=now
    )


async def test_only_what_is_not_known_is_read_from_the_code(making: Sources, up: PretendedSandbox) -> None:
    before = await drafted(making, source_of(("a", "1"), ("b", "1")))
    assert before.derived == dict.fromkeys("ab", ("input_schema", "description", "output_schema"))
    after = await drafted(making, source_of(("a", "1"), ("b", "2"), ("c", "1")), before)
    assert up.described == ["a", "b", "b", "c"]
    assert [tool.slug for tool in after.content.tools] == ["a", "b", "c"]
    await drafted(making, source_of(("a", "1"), ("b", "2"), ("c", "1"), packages=HTTPX), after)
    assert up.described[4:] == ["a", "b", "c"]
    assert len(up.discarded) == 3


async def test_nothing_is_asked_of_an_engine_when_all_is_given(making: Sources, sandbox: PretendedSandbox) -> None:
    given = SourceTool(slug="a", code="1", input_schema={"type": "object"})
    draft = await drafted(making, Source(slug="my-tools", tools=(given,)))
    assert (sandbox.prepared, draft.derived) == ([], {"a": ()})
    assert draft.content.tools[0].description == ""


async def test_a_description_that_is_taken_back_is_read_from_the_code(making: Sources, up: PretendedSandbox) -> None:
    mine = Source(slug="my-tools", tools=(SourceTool(slug="a", code="1", description="Mine."),))
    before = await drafted(making, mine)
    assert before.derived == {"a": ("input_schema", "output_schema")}
    await drafted(making, source_of(("a", "1")), before)
    assert up.described == ["a", "a"]


async def test_the_lock_that_fits_is_kept_and_another_is_made(
    making: Sources, up: PretendedSandbox, resolver: PretendedResolver
) -> None:
    before = await drafted(making, source_of(packages=HTTPX))
    await drafted(making, source_of(packages=HTTPX, description="More."), before)
    assert resolver.asked == [HTTPX]
    given = Lock(kind="python", packages=HTTPX, text="given")
    assert (await drafted(making, source_of(packages=HTTPX, lock=given), before)).content.lock == given
    other = (Package(name="rich"),)
    await drafted(making, source_of(packages=other, lock=given), before)
    assert resolver.asked == [HTTPX, other]


async def test_what_was_prepared_is_let_go_of_even_when_the_code_is_no_use(
    making: Sources, up: PretendedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(program: Program, limits: object) -> object:
        raise SandboxUnavailable("It went down.")

    monkeypatch.setattr(up, "describe", down)
    with pytest.raises(SandboxUnavailable):
        await drafted(making, source_of(("a", "1")))
    assert up.discarded == [up.prepared[0].digest]


async def test_a_toolset_has_so_much_code_and_each_tool_once(making: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_CODE_TOTAL", 3)
    with pytest.raises(TooLarge, match="3 characters"):
        await drafted(making, source_of(("a", "12"), ("b", "34")))
    with pytest.raises(FieldsInvalid, match="1 field"):
        await drafted(making, source_of(("a", "1"), ("a", "1")))


async def test_only_the_operators_own_code_may_ask_to_run_in_process(making: Sources) -> None:
    inside = Source(slug="my-tools", sandbox=Sandbox(provider="inprocess"))
    with pytest.raises(FieldsInvalid, match="never runs inside the server"):
        await making.described(inside, Origin.API, None)
    await making.described(inside, Origin.OPERATOR, None)


async def test_schemas_are_weighed_beside_the_event_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[int]()
    monkeypatch.setattr(schema_weights, "check", lambda _: threads.append(threading.get_ident()))
    given = SourceTool(slug="a", code="1", input_schema={"type": "object"})
    await world.core.drafts.save(world.operator, "default", Source(slug="my-tools", tools=(given,)))
    await world.core.versions.publish(world.operator, "default", "my-tools", Publication())
    assert len(threads) == 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("name", ["input_schema", "output_schema"])
def test_a_schema_that_cannot_be_served_is_named_with_its_tool(name: str) -> None:
    schemas: dict[str, Any] = {"input_schema": {}, name: {"$ref": "#"}}
    with pytest.raises(FieldsInvalid, match="of 'greet' cannot be used") as refused:
        check_schemas(Tool(slug="greet", name="Greet", code="", **schemas))
    faults: Any = refused.value.details["errors"]
    [fault] = faults
    assert (fault["tool"], fault["pointer"]) == ("greet", f"/{'inputSchema' if 'input' in name else 'outputSchema'}")
