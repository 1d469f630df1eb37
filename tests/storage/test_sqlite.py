"""What is SQLite's alone: the file, its modes, its pragmas, and processes that share it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.storage import sqlite
from jinba_mcp.storage.store import Store
from tests.databases import PRAGMAS
from tests.storage.records import a_run, stored_organization


async def test_file_and_directory_are_made_for_the_owner_alone(open_store: Any, tmp_path: Path) -> None:
    store: Store = await open_store(f"sqlite:///{tmp_path / 'a b%20' / 'jinba.db'}")
    await store.upgrade()

    directory = tmp_path / "a b%20"
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes == {"jinba.db": 0o600, "jinba.db-wal": 0o600, "jinba.db-shm": 0o600}


async def test_a_directory_that_is_there_keeps_its_mode(open_store: Any, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    await open_store(f"sqlite:///{shared / 'jinba.db'}")
    assert shared.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)]
)
async def test_every_writing_connection_is_durable_and_patient(
    open_store: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, pragma: str, value: object
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", PRAGMAS)
    store: Store = await open_store(sqlite_url)
    async with store._database.writing() as connection:
        assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value
    database = store._database
    assert isinstance(database, sqlite.SqliteDatabase)
    # The journal has a patience of its own.
    expected = 0 if pragma == "busy_timeout" else value
    assert database._journal.execute(f"PRAGMA {pragma}").fetchone() == (expected,)


async def test_the_journal_waits_for_another_process_and_goes_on_when_that_is_done(
    open_store: Any, sqlite_url: str
) -> None:
    store: Store = await open_store(sqlite_url)
    run = a_run()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(store.journal.start, run)
                await anyio.sleep(0.05)
                async with store.read() as tx:
                    assert await tx.runs.find(run.organization_id, run.id) is None
                other.execute("COMMIT")
    async with store.read() as tx:
        assert await tx.runs.find(run.organization_id, run.id) == run


async def test_a_writer_that_waits_too_long_for_another_process_is_told(
    open_store: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("foreign_keys = ON",))
    store: Store = await open_store(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(60):
            with pytest.raises(Unavailable, match="too busy"):
                await stored_organization(store)
            with pytest.raises(Unavailable, match="too busy"):
                await store.journal.start(a_run())
        other.execute("ROLLBACK")
    await stored_organization(store)


async def test_a_writer_that_waits_too_long_for_this_process_is_told(
    open_store: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = await open_store(sqlite_url)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    with anyio.fail_after(60):
        async with store.begin():
            with pytest.raises(Unavailable, match="too busy"):
                await stored_organization(store)


async def test_damage_is_found(open_store: Any, sqlite_url: str) -> None:
    store: Store = await open_store(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other, other:
        other.execute("INSERT INTO membership VALUES ('org_none', 'user_none', 'owner')")

    found = await store.check()
    assert any("membership" in line and "organization" in line for line in found)


async def test_polling_goes_on_only_while_somebody_waits(
    open_store: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_POLL_S", 0.001)
    store: Store = await open_store(sqlite_url)
    database = store._database
    assert isinstance(database, sqlite.SqliteDatabase)
    seen = await store.generation()
    waiting = [asyncio.create_task(store.wait_for_change(seen)) for _ in range(2)]
    with anyio.fail_after(60):
        await asyncio.sleep(0)
        assert database._poller is not None
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert database._poller is not None
        await stored_organization(store)
        await waiting[1]
    assert database._poller is None


async def test_a_poll_that_fails_is_told_to_those_who_wait(
    open_store: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_POLL_S", 0.001)
    store: Store = await open_store(sqlite_url)
    seen = await store.generation()
    waiting = asyncio.create_task(store.wait_for_change(seen))
    await asyncio.sleep(0)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        other.execute("ALTER TABLE generation RENAME TO elsewhere")
    with anyio.fail_after(60), pytest.raises(Unavailable):
        await waiting


async def test_a_directory_that_cannot_be_made_is_told_by_its_name(open_store: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable, match=r"data directory '.*file' cannot be used"):
        await (await open_store(f"sqlite:///{tmp_path / 'file' / 'jinba.db'}")).upgrade()


def test_a_backup_that_breaks_off_leaves_no_half_of_one(tmp_path: Path) -> None:
    class Broken(sqlite3.Connection):
        def backup(self, *_: Any, **__: Any) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    target = tmp_path / "copy.db"
    with closing(sqlite3.connect(":memory:", factory=Broken)) as source, pytest.raises(sqlite3.OperationalError):
        sqlite._copy(source, target)

    assert not target.exists()
