"""Versions on both databases."""

import pytest
from sqlalchemy import text

from jinba_mcp.domain import json_values, versions
from jinba_mcp.domain.errors import VersionExists, VersionNotFound
from jinba_mcp.domain.ids import ToolSetId, VersionId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.versions import Snapshot
from jinba_mcp.storage.store import Store
from tests.storage.records import a_content, a_snapshot, moment, stored_organization, stored_toolset


async def stored_versions(store: Store, *numbers: str) -> list[Snapshot]:
    toolset = await stored_toolset(store, await stored_organization(store))
    snapshots = [a_snapshot(toolset.id, number) for number in numbers]
    async with store.begin() as tx:
        for snapshot in snapshots:
            await tx.versions.add(snapshot)
    return snapshots


async def test_a_version_is_found_by_number_and_by_id_with_all_that_it_froze(store: Store) -> None:
    (snapshot,) = await stored_versions(store, "1.0.0")
    toolset_id = snapshot.version.toolset_id

    async with store.read() as tx:
        assert await tx.versions.find(toolset_id, "1.0.0") == snapshot
        assert await tx.versions.find_by_id(snapshot.version.id) == snapshot
        assert await tx.versions.find(toolset_id, "2.0.0") is None
        assert await tx.versions.find(ToolSetId("ts_other"), "1.0.0") is None
        assert await tx.versions.find_by_id(VersionId("ver_none")) is None


async def test_a_number_is_published_once(store: Store) -> None:
    (snapshot,) = await stored_versions(store, "1.0.0")

    async with store.begin() as tx:
        with pytest.raises(VersionExists):
            await tx.versions.add(a_snapshot(snapshot.version.toolset_id, "1.0.0"))


async def test_the_latest_is_the_last_published_even_within_one_millisecond(store: Store) -> None:
    snapshots = await stored_versions(store, "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0")
    toolset_id = snapshots[0].version.toolset_id

    async with store.read() as tx:
        assert await tx.versions.latest(toolset_id) == snapshots[-1].version
        assert await tx.versions.latest(ToolSetId("ts_other")) is None


async def test_versions_are_listed_newest_first_in_pages(store: Store) -> None:
    snapshots = await stored_versions(store, "1.9.0", "1.10.0", "2.0.0")
    toolset_id = snapshots[0].version.toolset_id

    async with store.read() as tx:
        first = await tx.versions.page(toolset_id, PageRequest(limit=2))
        second = await tx.versions.page(toolset_id, PageRequest(limit=2, after=first.next_cursor))
        unknown = await tx.versions.page(toolset_id, PageRequest(after="9.9.9"))
    assert [version.number for version in first.items + second.items] == ["2.0.0", "1.10.0", "1.9.0"]
    assert (first.next_cursor, second.next_cursor) == ("1.10.0", None)
    assert unknown.items == ()


async def test_saving_changes_the_marks_of_a_version_and_nothing_that_it_froze(store: Store) -> None:
    (snapshot,) = await stored_versions(store, "1.0.0")
    marks: dict[str, object] = {"deprecated_at": moment(1), "yanked_at": moment(2), "release_notes": "Do not use."}
    marks |= {"deprecation_message": "Use 2.0.0.", "yank_reason": "It leaks."}
    forged = {"digest": "sha256:forged", "number": "9.9.9", "published_by": "mallory"}
    async with store.begin() as tx:
        await tx.versions.save(snapshot.version.model_copy(update=marks | forged))

    async with store.read() as tx:
        found = await tx.versions.find_by_id(snapshot.version.id)
    assert found == Snapshot(version=snapshot.version.model_copy(update=marks), content=snapshot.content)


async def test_a_version_that_is_not_there_cannot_be_saved(store: Store) -> None:
    with pytest.raises(VersionNotFound):
        async with store.begin() as tx:
            await tx.versions.save(a_snapshot(ToolSetId("ts_none")).version)


async def test_a_version_is_found_without_its_content(store: Store) -> None:
    snapshots = await stored_versions(store, "1.0.0", "1.1.0")
    version = snapshots[0].version

    async with store.read() as tx:
        assert await tx.versions.find_version(version.toolset_id, "1.0.0") == version
        assert await tx.versions.find_version_by_id(version.id) == version
        assert await tx.versions.find_version(version.toolset_id, "2.0.0") is None
        assert await tx.versions.find_version_by_id(VersionId("ver_none")) is None
        assert await tx.versions.count(version.toolset_id) == 2


async def test_the_stored_content_is_the_very_text_that_the_digest_is_over(store: Store) -> None:
    (snapshot,) = await stored_versions(store, "1.0.0")

    async with store._database.reading() as connection:
        stored = (await connection.execute(text("SELECT content FROM version"))).scalar_one()
    assert stored.encode() == json_values.canonical(snapshot.content.model_dump(mode="json"))
    assert versions.digest(a_content()) == snapshot.version.digest
