"""What both kinds of database promise the store, below its transactions."""

from typing import Any

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.storage.database import Write, connected, move_generation
from jinba_mcp.storage.store import Store

ADD = "INSERT INTO organization (id, slug, name, created_at) VALUES ('{0}', '{0}', '{0}', '2026-01-01 00:00:00Z')"


async def organizations(store: Store) -> list[str]:
    async with store._database.reading() as connection:
        return list((await connection.execute(text("SELECT id FROM organization ORDER BY id"))).scalars())


async def test_what_nobody_commits_is_rolled_back(store: Store) -> None:
    async with store._database.writing() as connection:
        await connection.execute(text(ADD.format("a")))
    assert await organizations(store) == []


async def test_a_batch_is_written_whole_or_not_at_all(store: Store) -> None:
    first, second = (Write(ADD.format(name), [()]) for name in ("a", "b"))
    broken = Write("INSERT INTO organization (id) VALUES ('c')", [()])
    with pytest.raises(Exception, match=r"(?i)null"):
        await store._database.write_batch([first, broken])
    assert await organizations(store) == []
    await store._database.write_batch([first, second])
    assert await organizations(store) == ["a", "b"]


async def test_the_generation_moves_with_its_transaction_or_not_at_all(store: Store) -> None:
    before = await store.generation()
    async with store._database.writing() as connection:
        assert await move_generation(connection) == before + 1
    assert await store.generation() == before
    async with store._database.writing() as connection:
        assert await move_generation(connection) == before + 1
        await connection.commit()
    with anyio.fail_after(60):
        assert await store.wait_for_change(before) == before + 1


async def test_a_migration_is_committed_on_clean_exit(open_store: Any, bare_database_url: str) -> None:
    store: Store = await open_store(bare_database_url)
    async with store._database.migrating() as connection:
        await connection.execute(text("CREATE TABLE made (id INTEGER)"))
    async with store._database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM made"))).scalar() == 0


async def test_a_connection_that_cannot_be_had_is_unavailable() -> None:
    async def refuse() -> Any:
        raise ConnectionRefusedError

    engine = create_async_engine("postgresql+asyncpg://", async_creator=refuse)
    with pytest.raises(Unavailable):
        async with connected(engine):
            pass
    await engine.dispose()
