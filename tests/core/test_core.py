"""The core as one object: built without touching the database."""

from collections.abc import Awaitable, Callable

from jinba_mcp.core import core
from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.core import Workshop
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.storage.store import Store
from tests.worlds import PretendedResolver, StillClock


async def test_building_reads_and_writes_nothing(
    open_store: Callable[[str], Awaitable[Store]],
    bare_database_url: str,
    resolver: PretendedResolver,
    keyring: Keyring,
) -> None:
    store = await open_store(bare_database_url)
    workshop = Workshop(Engines({}), resolver, keyring, Allowance())
    core.build(store, StillClock(), workshop, observe=lambda _: None)
    assert await store.schema_revision() is None
