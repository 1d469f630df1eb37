"""The core as one object: built without touching the database."""

from collections.abc import Awaitable, Callable

from jinba_mcp.core import core
from jinba_mcp.core.engines import Engines
from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.storage.store import Store
from tests.worlds import StillClock


async def test_building_reads_and_writes_nothing(
    open_store: Callable[[str], Awaitable[Store]], bare_database_url: str
) -> None:
    store = await open_store(bare_database_url)
    core.build(store, Engines({}), StillClock(), limits=Limits(), observe=lambda _: None)
    assert await store.schema_revision() is None
