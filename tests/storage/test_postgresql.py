"""What is PostgreSQL's alone: connections that the server ends, and its own tool for backups."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest

from jinba_mcp.domain.errors import Invalid, Unavailable
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.storage.listener import ChangeListener
from jinba_mcp.storage.store import Store
from tests.databases import postgres_answers
from tests.storage.records import a_run, stored_organization

pytestmark = pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL here")


async def end_all_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'jinba-mcp'"
        )
    finally:
        await connection.close()


async def test_the_store_survives_a_restart_of_the_server(open_store: Any, postgres_url: str) -> None:
    store: Store = await open_store(postgres_url)
    await store.journal.start(a_run())
    organization = await stored_organization(store)
    run = a_run()
    await end_all_connections(postgres_url)

    with anyio.fail_after(60):
        await store.journal.start(run)
        async with store.read() as tx:
            assert await tx.organizations.find("acme") == organization
            assert await tx.runs.find(OrganizationId("org_1"), run.id) == run
        await stored_organization(store, "second")


@pytest.mark.slow
async def test_changes_are_heard_of_again_after_a_restart_of_the_server(open_store: Any, postgres_url: str) -> None:
    store: Store = await open_store(postgres_url)
    other: Store = await open_store(postgres_url)
    with anyio.fail_after(60):
        seen = await store.generation()
        await end_all_connections(postgres_url)
        await stored_organization(other)
        assert await store.wait_for_change(seen) == seen + 1


async def test_text_that_postgresql_alone_cannot_hold_fails_alone(open_store: Any, postgres_url: str) -> None:
    store: Store = await open_store(postgres_url)
    good, poisonous = a_run(), a_run(client="zero: \x00")
    with anyio.fail_after(60):
        results = await asyncio.gather(*(store.journal.start(run) for run in (poisonous, good)), return_exceptions=True)
    assert [type(result) for result in results] == [Invalid, type(None)]


async def test_urls_of_other_spellings_mean_the_same(open_store: Any, postgres_url: str) -> None:
    for scheme in ("postgres", "postgresql+asyncpg"):
        store: Store = await open_store(f"{scheme}://{postgres_url.partition('://')[2]}")
        await store.ping()


async def test_what_belongs_to_the_connection_may_stand_in_the_url(open_store: Any, postgres_url: str) -> None:
    store: Store = await open_store(f"{postgres_url}?sslmode=disable")
    await store.ping()


async def test_a_table_that_cannot_be_read_is_found(open_store: Any, postgres_server: Any) -> None:
    url = postgres_server.create()
    store: Store = await open_store(url)
    await store.upgrade()
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE membership")
    await connection.close()

    assert any("membership" in line for line in await store.check())


async def test_backups_are_left_to_pg_dump(open_store: Any, postgres_url: str, tmp_path: Path) -> None:
    store: Store = await open_store(postgres_url)
    with pytest.raises(Unavailable, match="pg_dump"):
        await store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


async def test_processes_that_share_a_beacon_see_a_change_before_its_notice_arrives(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeListener, "_heard", lambda *_: None)
    monkeypatch.setattr("jinba_mcp.storage.listener._CHECK_S", 3_600)
    beacon = tmp_path / "data" / "changes"
    one, other = [await Store.open(postgres_url, beacon=beacon) for _ in range(2)]
    try:
        with anyio.fail_after(60):
            before = await other.generation()
            for number in range(3):
                await stored_organization(one, f"org-{number}")
                assert other.generation_at_hand() is None
                assert await other.generation() == await one.generation() == before + number + 1
                assert other.generation_at_hand() == before + number + 1
    finally:
        await one.close()
        await other.close()


async def test_a_beacon_that_cannot_be_made_is_unavailable(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="changes"):
        await Store.open(postgres_url, beacon=tmp_path / "file" / "changes")
