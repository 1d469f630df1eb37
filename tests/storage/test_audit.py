"""The audit log on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from jinba_mcp.domain.audit import NO_ENTRY, ActorKind, AuditFilter, Link
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.storage.store import Store
from tests.domain.test_audit import a_fact
from tests.storage.records import NOW

ACME = OrganizationId("org_1")


async def test_each_organization_and_the_installation_have_a_chain(store: Store) -> None:
    async with store.begin() as tx:
        first = await tx.audit.add(a_fact(organization_id=ACME, after={"é": [1, 2.5, None]}))
        second = await tx.audit.add(a_fact(organization_id=ACME))
        other = await tx.audit.add(a_fact())

    assert [entry.sequence for entry in (first, second, other)] == [1, 2, 1]
    assert [first.previous_digest, second.previous_digest, other.previous_digest] == [NO_ENTRY, first.digest, NO_ENTRY]
    async with store.read() as tx:
        assert await tx.audit.following(ACME, 0, 10) == [first, second]
        assert await tx.audit.following(ACME, 1, 10) == [second]
        assert await tx.audit.following(ACME, 0, 1) == [first]
        assert await tx.audit.following(None, 0, 10) == [other]
        assert await tx.audit.head(ACME) == Link(sequence=2, digest=second.digest)
        assert await tx.audit.head(OrganizationId("org_2")) is None


async def test_what_is_read_back_is_intact(store: Store) -> None:
    async with store.begin() as tx:
        await tx.audit.add(
            a_fact(organization_id=ACME, before={"b": 1, "a": {"nested": [True, None, 1e-9, "\\u0041"]}})
        )
    async with store.read() as tx:
        [entry] = await tx.audit.following(ACME, 0, 10)
    assert entry.is_intact()


async def test_a_change_that_is_rolled_back_leaves_no_entry(store: Store) -> None:
    async def change() -> None:
        async with store.begin() as tx:
            await tx.audit.add(a_fact())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    async with store.read() as tx:
        assert await tx.audit.head(None) is None


FACTS: list[dict[str, Any]] = [
    {"action": "key.issued", "target": "key_1", "user_id": "user_1"},
    {"action": "key.issued", "target": "key_2", "key_id": "key_1", "actor": ActorKind.ORGANIZATION_KEY},
    {"action": "key.revoked", "target": "key_2", "created_at": NOW + timedelta(hours=1)},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [3, 2, 1]),
        ({"action": "key.issued"}, [2, 1]),
        ({"target": "key_2"}, [3, 2]),
        ({"actor": "user_1"}, [1]),
        ({"actor": "key_1"}, [2]),
        ({"actor": "operator"}, [3, 1]),
        ({"actor": "user_2"}, []),
        ({"since": NOW + timedelta(hours=1)}, [3]),
        ({"until": NOW + timedelta(hours=1)}, [2, 1]),
    ],
)
async def test_entries_are_found_by_what_they_say(store: Store, wanted: dict[str, Any], found: list[int]) -> None:
    async with store.begin() as tx:
        for fields in FACTS:
            await tx.audit.add(a_fact(organization_id=ACME, **fields))
        await tx.audit.add(a_fact())
    async with store.read() as tx:
        page = await tx.audit.page(ACME, AuditFilter(**wanted), None, 10)
    assert [entry.sequence for entry in page.items] == found


async def test_entries_come_in_pages_newest_first(store: Store) -> None:
    async with store.begin() as tx:
        for _ in range(3):
            await tx.audit.add(a_fact(organization_id=ACME))
    async with store.read() as tx:
        first = await tx.audit.page(ACME, AuditFilter(), None, 2)
        second = await tx.audit.page(ACME, AuditFilter(), int(first.next_cursor or ""), 2)
        assert await tx.audit.sequences(ACME, None, 2) == [1, 2]
        assert await tx.audit.sequences(ACME, 2, 2) == [3]
        assert set(await tx.audit.legible(ACME, [1, 3])) == {1, 3}
    assert [entry.sequence for entry in first.items] == [3, 2]
    assert ([entry.sequence for entry in second.items], second.next_cursor) == ([1], None)


async def test_every_chain_is_named(store: Store) -> None:
    async with store.begin() as tx:
        for organization_id in (None, ACME, OrganizationId("org_2"), ACME):
            await tx.audit.add(a_fact(organization_id=organization_id))
    async with store.read() as tx:
        assert await tx.audit.chains(None, 10) == ["", "org_1", "org_2"]
        assert await tx.audit.chains("", 1) == ["org_1"]
