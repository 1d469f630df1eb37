"""Health: ready or not, and closing the runs of dead processes."""

from collections.abc import Awaitable, Callable

import pytest

from jinba_mcp.core.engines import Engines
from jinba_mcp.core.health import Health
from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.domain.isolation import Level
from jinba_mcp.storage.store import Store
from tests.worlds import StillClock, World


async def test_a_migrated_database_is_ready(world: World) -> None:
    readiness = await world.core.health.readiness()
    assert readiness.is_ready
    assert readiness.problem is None
    assert readiness.engines == ("inprocess", "local")


async def test_it_says_what_each_sandbox_is_worth_and_what_is_wrong_with_it(world: World) -> None:
    in_process, local = (await world.core.health.readiness()).sandboxes
    assert (in_process.name, in_process.isolation.level, in_process.problem) == ("inprocess", Level.NONE, None)
    assert (local.name, local.isolation.tier, local.problem) == ("local", "pretended", "it is down")


async def test_an_old_schema_is_not_ready_and_says_what_to_do(
    open_store: Callable[[str], Awaitable[Store]], bare_database_url: str
) -> None:
    health = Health(await open_store(bare_database_url), Engines({}), StillClock())
    readiness = await health.readiness()
    assert not readiness.is_ready
    assert "db upgrade" in (readiness.problem or "")


async def test_a_beat_leaves_the_runs_of_the_living_alone(world: World) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Alice")
    await world.core.health.beat()
    assert await world.core.history.get(world.operator, "default", run.id) == run


async def test_a_database_that_does_not_answer_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_store: Store) -> None:
        raise Unavailable("The database cannot be reached.")

    monkeypatch.setattr(Store, "schema_revision", refuse)

    readiness = await world.core.health.readiness()

    assert (readiness.is_ready, readiness.schema_revision) == (False, None)
    assert readiness.problem == "The database cannot be reached."
    assert [report.name for report in readiness.sandboxes] == ["inprocess", "local"]
