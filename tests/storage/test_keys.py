"""Keys and their digests on both databases."""

import pytest
from sqlalchemy import select

from jinba_mcp.domain.errors import KeyNotFound
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.keys import Key
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.storage.keys import KeyDigestRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of
from tests.storage.records import NOW, a_digest, a_key, a_personal_key, a_user, moment, stored_organization


async def stored_key(store: Store) -> tuple[Key, str]:
    organization = await stored_organization(store)
    key, digest = a_key(organization.id), a_digest()
    async with store.begin() as tx:
        await tx.keys.add(key, digest)
    return key, digest


async def opened_by(store: Store, digest: str, now: float = 0) -> Key | None:
    async with store.read() as tx:
        found = await tx.keys.find_by_digest(digest, moment(now))
    return None if found is None else found[0]


async def test_a_key_comes_back_as_it_was_stored(store: Store) -> None:
    key, digest = await stored_key(store)

    async with store.read() as tx:
        assert await tx.keys.find_by_digest(digest, NOW) == (key, None)
        assert await tx.keys.find(OrganizationId(str(key.organization_id)), key.id) == key
        assert await tx.keys.find_by_digest(a_digest(), NOW) is None


async def test_a_key_is_found_in_its_own_organization_only(store: Store) -> None:
    key, _ = await stored_key(store)
    other = await stored_organization(store, "other")

    async with store.read() as tx:
        assert await tx.keys.find(other.id, key.id) is None
        assert (await tx.keys.page(other.id, PageRequest())).items == ()


async def test_a_personal_key_is_found_by_its_user_only(store: Store) -> None:
    user, other = a_user(), a_user("bob@example.com")
    key = a_personal_key(user.id)
    async with store.begin() as tx:
        await tx.users.add(user)
        await tx.users.add(other)
        await tx.keys.add(key, a_digest())

    async with store.read() as tx:
        assert await tx.keys.find_personal(user.id, key.id) == key
        assert await tx.keys.find_personal(other.id, key.id) is None
        assert (await tx.keys.page_personal(user.id, PageRequest())).items == (key,)


async def test_keys_are_listed_newest_first_in_pages(store: Store) -> None:
    organization = await stored_organization(store)
    made = [a_key(organization.id, moment(n)) for n in range(3)]
    async with store.begin() as tx:
        for key in made:
            await tx.keys.add(key, a_digest())

    async with store.read() as tx:
        first = await tx.keys.page(organization.id, PageRequest(limit=2))
        second = await tx.keys.page(organization.id, PageRequest(limit=2, after=first.next_cursor))
    assert first.items == (made[2], made[1])
    assert (second.items, second.next_cursor) == ((made[0],), None)


async def test_a_revoked_key_opens_nothing_and_is_listed_nowhere(store: Store) -> None:
    key, digest = await stored_key(store)
    organization_id = OrganizationId(str(key.organization_id))

    async with store.begin() as tx:
        await tx.keys.revoke(key.id, moment(1))
        await tx.keys.revoke(key.id, moment(2))

    assert await opened_by(store, digest) is None
    async with store.read() as tx:
        assert await tx.keys.find(organization_id, key.id) is None
        assert (await tx.keys.page(organization_id, PageRequest())).items == ()


async def test_a_record_read_before_a_revocation_cannot_undo_it(store: Store) -> None:
    key, digest = await stored_key(store)
    async with store.begin() as tx:
        await tx.keys.revoke(key.id, moment(1))

    with pytest.raises(KeyNotFound):
        async with store.begin() as tx:
            await tx.keys.save(key)
    with pytest.raises(KeyNotFound):
        async with store.begin() as tx:
            await tx.keys.rotate(key, a_digest(), None)
    assert await opened_by(store, digest) is None


async def test_saving_changes_terms_but_not_the_last_use(store: Store) -> None:
    key, digest = await stored_key(store)
    changes = {"name": "Server", "scopes": (Scope.ADMIN,), "tools": None, "toolsets": None, "allowed_ips": None}
    async with store.begin() as tx:
        await tx.keys.touch_last_used(key.id, moment(5))
        await tx.keys.save(key.model_copy(update=changes))

    assert await opened_by(store, digest) == key.model_copy(update=changes | {"last_used_at": moment(5)})


async def test_rotation_without_overlap_ends_every_earlier_secret(store: Store) -> None:
    key, first = await stored_key(store)
    second, third = a_digest(), a_digest()
    async with store.begin() as tx:
        await tx.keys.rotate(key, second, moment(60))
        await tx.keys.rotate(key.model_copy(update={"prefix": "jtb_zzzz"}), third, None)

    assert await opened_by(store, first) is None
    assert await opened_by(store, second) is None
    found = await opened_by(store, third)
    assert found is not None
    assert found.prefix == "jtb_zzzz"


async def test_a_rotated_out_secret_works_until_its_overlap_ends(store: Store) -> None:
    key, old = await stored_key(store)
    new = a_digest()
    async with store.begin() as tx:
        await tx.keys.rotate(key, new, moment(60))

    async with store.read() as tx:
        assert await tx.keys.find_by_digest(old, moment(59)) == (key, moment(60))
        assert await tx.keys.find_by_digest(old, moment(60)) is None
        assert await tx.keys.find_by_digest(new, moment(61)) == (key, None)


async def test_revocation_forgets_all_digests(store: Store) -> None:
    key, _ = await stored_key(store)
    async with store.begin() as tx:
        await tx.keys.rotate(key, a_digest(), moment(60))
        await tx.keys.revoke(key.id, NOW)

    async with store._database.reading() as connection:
        assert (await connection.execute(select(table_of(KeyDigestRow)))).all() == []


async def test_the_last_use_never_goes_back_and_moves_no_generation(store: Store) -> None:
    key, digest = await stored_key(store)
    before = await store.generation()
    async with store.begin() as tx:
        await tx.keys.touch_last_used(key.id, moment(10))
        await tx.keys.touch_last_used(key.id, moment(5))

    found = await opened_by(store, digest)
    assert found is not None
    assert found.last_used_at == moment(10)
    assert await store.generation() == before


async def test_a_revoked_key_still_counts_as_one_that_there_has_been(store: Store) -> None:
    async with store.read() as tx:
        assert not await tx.keys.any_exists()
    key, _ = await stored_key(store)
    async with store.begin() as tx:
        await tx.keys.revoke(key.id, NOW)
        assert await tx.keys.any_exists()
