"""Migrations against tables, on both databases."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from jinba_mcp.storage import schema
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import Row
from jinba_mcp.storage.upgrading import configuration


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Row.metadata}
    )
    return list(compare_metadata(context, Row.metadata))


async def test_an_upgrade_from_nothing_makes_just_the_tables_that_the_code_knows(
    open_store: Any, bare_database_url: str
) -> None:
    store: Store = await open_store(bare_database_url)
    async with store._database.reading() as connection:
        assert await connection.run_sync(differences) != []
    await store.upgrade()
    async with store._database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_migration_that_fails_leaves_nothing_behind(
    open_store: Any, bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = await open_store(bare_database_url)

    def half_way(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise ZeroDivisionError

    monkeypatch.setattr("jinba_mcp.storage.upgrading.upgrade", half_way)
    with pytest.raises(ZeroDivisionError):
        await store.upgrade()
    monkeypatch.undo()
    await store.upgrade()
    async with store._database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_revisions_follow_one_another_in_a_line() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [schema.head_revision()]
    assert len(scripts.get_bases()) == 1
