"""The store as a whole, on both databases: transactions, generation, schema, check, backup."""

import asyncio
import traceback
from pathlib import Path
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.errors import Conflict, Invalid, Unavailable
from jinba_mcp.storage import sqlite
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_digest, a_key, a_run, an_organization, stored_organization, stored_toolset


async def test_an_error_rolls_everything_back_and_moves_no_generation(store: Store) -> None:
    before = await store.generation()

    async def add_and_fail() -> None:
        async with store.begin() as tx:
            await tx.organizations.add(an_organization())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fail()

    async with store.read() as tx:
        assert await tx.organizations.find("acme") is None
    assert await store.generation() == before


async def test_cancellation_rolls_back_and_leaves_the_store_usable(store: Store) -> None:
    with anyio.fail_after(60):
        with anyio.CancelScope() as scope:
            async with store.begin() as tx:
                await tx.organizations.add(an_organization())
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        await stored_organization(store, "acme")


async def test_reading_refuses_to_write(store: Store) -> None:
    with pytest.raises(RuntimeError, match=r"Store\.begin"):
        async with store.read() as tx:
            await tx.organizations.add(an_organization())


async def test_a_reader_sees_one_moment_and_waits_for_no_writer(store: Store) -> None:
    with anyio.fail_after(60):
        async with store.begin() as writing:
            await writing.organizations.add(an_organization("acme"))
            async with store.read() as tx:
                assert await tx.organizations.find("acme") is None
        async with store.read() as tx:
            assert await tx.organizations.find("other") is None
            await stored_organization(store, "other")
            assert await tx.organizations.find("other") is None


async def test_writers_follow_one_another_across_stores(store: Store, open_store: Any, database_url: str) -> None:
    other: Store = await open_store(database_url)
    organization = await stored_organization(store)
    toolset = await stored_toolset(store, organization)

    async def add_a_letter(by: Store) -> None:
        async with by.begin() as tx:
            current = await tx.toolsets.get(organization.id, toolset.slug)
            await tx.toolsets.save(current.model_copy(update={"name": current.name + "!"}))

    with anyio.fail_after(60):
        await asyncio.gather(*(add_a_letter(by) for by in (store, other) * 5))
    async with store.read() as tx:
        assert (await tx.toolsets.get(organization.id, toolset.slug)).name == toolset.name + "!" * 10


async def test_many_readers_at_once_all_get_their_turn(store: Store) -> None:
    await stored_organization(store)

    async def read() -> bool:
        async with store.read() as tx:
            return await tx.organizations.find("acme") is not None

    with anyio.fail_after(60):
        assert await asyncio.gather(*(read() for _ in range(40))) == [True] * 40


async def test_every_change_moves_the_generation_once_and_at_once(store: Store) -> None:
    first = await store.generation()
    async with store.begin() as tx:
        organization = an_organization()
        await tx.organizations.add(organization)
        await tx.keys.add(a_key(organization.id), a_digest())
    assert await store.generation() == first + 1
    async with store.begin() as tx:
        await tx.touch()
    assert await store.generation() == first + 2


async def test_a_generation_at_hand_is_the_one_that_would_be_told(store: Store) -> None:
    seen = await store.generation()
    assert store.generation_at_hand() == seen
    await stored_organization(store)
    assert store.generation_at_hand() in (None, seen + 1)
    assert await store.generation() == store.generation_at_hand() == seen + 1


async def test_what_another_store_has_changed_is_not_at_hand(open_store: Any, sqlite_url: str) -> None:
    other, writer = [await open_store(sqlite_url) for _ in range(2)]
    await other.generation()
    await stored_organization(writer)
    assert other.generation_at_hand() is None


async def test_runs_and_heartbeats_do_not_move_the_generation(store: Store) -> None:
    before = await store.generation()
    await store.journal.start(a_run())
    await store.heartbeat(NOW)
    async with store.begin() as tx:
        await tx.runs.interrupt_unfinished(NOW)
    assert await store.generation() == before


async def test_another_store_learns_of_a_change(store: Store, open_store: Any, sqlite_url: str) -> None:
    other: Store = await open_store(sqlite_url)
    writer: Store = await open_store(sqlite_url)
    before = await other.generation()
    await stored_organization(writer)
    assert await other.generation() == before + 1


async def test_waiting_ends_with_a_change_made_here(store: Store) -> None:
    seen = await store.generation()
    with anyio.fail_after(60):
        waiting = asyncio.create_task(store.wait_for_change(seen))
        await asyncio.sleep(0)
        await stored_organization(store)
        assert await waiting == seen + 1


async def test_waiting_ends_with_a_change_made_elsewhere(
    store: Store, open_store: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_POLL_S", 0.01)
    other: Store = await open_store(database_url)
    seen = await store.generation()
    with anyio.fail_after(60):
        waiting = [asyncio.create_task(store.wait_for_change(seen)) for _ in range(3)]
        await asyncio.sleep(0)
        await stored_organization(other)
        assert await asyncio.gather(*waiting) == [seen + 1] * 3
        assert await store.generation() == seen + 1


async def test_waiting_for_a_change_that_was_missed_ends_at_once(store: Store) -> None:
    seen = await store.generation()
    await stored_organization(store)
    with anyio.fail_after(60):
        assert await store.wait_for_change(seen) == seen + 1


async def test_waiting_can_be_given_up(store: Store) -> None:
    seen = await store.generation()
    with anyio.fail_after(60):
        with anyio.move_on_after(0.01) as scope:
            await store.wait_for_change(seen)
        assert scope.cancelled_caught
        await stored_organization(store)
        assert await store.wait_for_change(seen) == seen + 1


async def test_whoever_asked_for_it_is_called_with_each_change(database_url: str) -> None:
    heard: list[int] = []
    store = await Store.open(database_url, on_change=heard.append)
    before = await store.generation()
    await stored_organization(store)
    await store.close()
    assert heard[-1] == before + 1


async def test_a_bare_database_says_what_to_do_and_is_ready_after_the_upgrade(
    open_store: Any, bare_database_url: str
) -> None:
    store: Store = await open_store(bare_database_url)
    assert await store.schema_revision() is None
    assert any("db upgrade" in line for line in await store.check())
    with pytest.raises(Unavailable, match="db upgrade"):
        await store.ping()

    await store.upgrade()
    await store.upgrade()
    await store.ping()
    assert await store.schema_revision() == store.head_revision()
    assert await store.check() == []


async def test_processes_that_upgrade_at_once_do_not_disturb_each_other(
    open_store: Any, bare_database_url: str
) -> None:
    stores = [await open_store(bare_database_url) for _ in range(3)]
    with anyio.fail_after(60):
        await asyncio.gather(*(store.upgrade() for store in stores))
    assert await stores[0].check() == []


async def test_text_that_cannot_be_stored_is_the_requests_fault(store: Store) -> None:
    with pytest.raises(Invalid):
        async with store.read() as tx:
            await tx.organizations.find("\ud800")


@pytest.mark.parametrize("url", ["", "jinba.db", "mysql://u:s3cret@h/d", "sqlite://", "sqlite:///:memory:", "sqlite:"])
async def test_a_url_that_names_no_database_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Invalid, match="sqlite:////absolute/path") as caught:
        await Store.open(url)
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    "rest",
    [
        "u:p@ss:s3cret@127.0.0.1:1/d",
        "u:p@s3cret@127.0.0.1:1/d",
        "u:s3cret#@127.0.0.1:1/d",
        "u:s3cret/@127.0.0.1:1/d",
        "u:12?s3cret@127.0.0.1:1/d",
        "u:s3cret[@127.0.0.1:1/d",
        "u:s3cret\uff20@127.0.0.1:1/d",
        "u:p@s3cret..invalid:1/d",
        "u:p@127.0.0.1:1/d?sslmode=s3cret",
    ],
)
async def test_a_postgresql_url_that_cannot_be_read_is_refused_and_told_of_nowhere(rest: str) -> None:
    with pytest.raises(Invalid, match="JINBA_DATABASE_URL cannot be used") as caught:
        await Store.open(f"postgresql://{rest}")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_a_backup_is_a_whole_database_that_only_its_owner_reads(
    open_store: Any, sqlite_url: str, tmp_path: Path
) -> None:
    store: Store = await open_store(sqlite_url)
    organization = await stored_organization(store)
    target = tmp_path / "copy.db"
    async with store.begin():
        await store.backup(target)

    assert target.stat().st_mode & 0o777 == 0o600
    copy: Store = await open_store(f"sqlite:///{target}")
    assert await copy.check() == []
    async with copy.read() as tx:
        assert await tx.organizations.find("acme") == organization


async def test_a_backup_overwrites_nothing(open_store: Any, sqlite_url: str, tmp_path: Path) -> None:
    store: Store = await open_store(sqlite_url)
    (tmp_path / "there").write_text("precious")
    with pytest.raises(Conflict):
        await store.backup(tmp_path / "there")
    with pytest.raises(Invalid):
        await store.backup(tmp_path / "no such directory" / "copy.db")
    assert (tmp_path / "there").read_text() == "precious"
