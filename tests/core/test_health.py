"""Health: ready or not, and closing the runs of dead processes."""

from collections.abc import Awaitable, Callable

from jinba_mcp.core.engines import Engines
from jinba_mcp.core.health import Health
from jinba_mcp.storage.store import Store
from tests.worlds import StillClock, World


async def test_a_migrated_database_is_ready(world: World) -> None:
    readiness = await world.core.health.readiness()
    assert readiness.is_ready
    assert readiness.problem is None
    assert readiness.engines == ("inprocess",)


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
    assert await world.core.runs.get(world.operator, "default", run.id) == run
