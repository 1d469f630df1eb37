"""Passwords and the tokens for new ones, on both databases."""

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.passwords import StoredPassword
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_digest, moment
from tests.storage.test_sessions import stored_user


def a_password(user_id: UserId, hashed: str = "first") -> StoredPassword:
    return StoredPassword(user_id=user_id, hash=hashed, changed_at=NOW)


async def test_a_password_is_set_and_set_again(store: Store) -> None:
    user = await stored_user(store)
    async with store.begin() as tx:
        assert await tx.passwords.find(user.id) is None
        for hashed in ("first", "second"):
            await tx.passwords.save(a_password(user.id, hashed))
    async with store.read() as tx:
        assert await tx.passwords.find(user.id) == a_password(user.id, "second")


async def test_a_stronger_hash_does_not_undo_a_change(store: Store) -> None:
    user = await stored_user(store)
    async with store.begin() as tx:
        await tx.passwords.save(a_password(user.id, "changed"))
        await tx.passwords.rehash(a_password(user.id, "first"), "stronger")
        assert await tx.passwords.find(user.id) == a_password(user.id, "changed")
        await tx.passwords.rehash(a_password(user.id, "changed"), "stronger")
        assert await tx.passwords.find(user.id) == a_password(user.id, "stronger")


async def test_a_token_is_good_until_its_time_and_ends_with_the_next_one_and_with_a_new_password(store: Store) -> None:
    user = await stored_user(store)
    first, second = a_digest(), a_digest()
    async with store.begin() as tx:
        await tx.passwords.add_reset(user.id, first, moment(60))
        assert await tx.passwords.find_reset(first, moment(59)) == user.id
        assert await tx.passwords.find_reset(first, moment(60)) is None
        await tx.passwords.add_reset(user.id, second, moment(60))
        assert await tx.passwords.find_reset(first, NOW) is None
        await tx.passwords.save(a_password(user.id))
        assert await tx.passwords.find_reset(second, NOW) is None
