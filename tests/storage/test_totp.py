"""Second factors on both databases."""

from jinba_mcp.domain.totp import Proof, Totp
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW
from tests.storage.test_sessions import stored_user


async def test_a_code_is_taken_once_and_none_before_it(store: Store) -> None:
    user = await stored_user(store)
    async with store.begin() as tx:
        await tx.totp.save(Totp(user_id=user.id, sealed="s", last_counter=5, confirmed_at=NOW))
        taken = [await tx.totp.take(user.id, Proof(counter=counter)) for counter in (5, 7, 7, 6, 8)]
    assert taken == [False, True, False, False, True]


async def test_a_recovery_code_is_taken_once_by_its_own_user(store: Store) -> None:
    user, other = await stored_user(store), await stored_user(store, "bob@example.com")
    async with store.begin() as tx:
        await tx.totp.set_recovery_codes(user.id, ["old"])
        await tx.totp.set_recovery_codes(user.id, ["one", "two"])
        wrong = [await tx.totp.take(user.id, Proof(recovery=code)) for code in ("old", "three", "")]
        assert not await tx.totp.take(other.id, Proof(recovery="one"))
        assert [await tx.totp.take(user.id, Proof(recovery="one")) for _ in range(2)] == [True, False]
        assert not await tx.totp.take(user.id, Proof())
    assert wrong == [False, False, False]


async def test_a_removed_one_is_gone_with_its_codes(store: Store) -> None:
    user = await stored_user(store)
    async with store.begin() as tx:
        await tx.totp.save(Totp(user_id=user.id, sealed="s", last_counter=5, confirmed_at=None))
        await tx.totp.set_recovery_codes(user.id, ["one"])
        await tx.totp.remove(user.id)
        assert await tx.totp.find(user.id) is None
        assert not await tx.totp.take(user.id, Proof(recovery="one"))


async def test_all_are_walked_in_the_order_of_users(store: Store) -> None:
    users = [await stored_user(store, f"user{n}@example.com") for n in range(3)]
    async with store.begin() as tx:
        for user in users:
            await tx.totp.save(Totp(user_id=user.id, sealed=user.email, last_counter=0, confirmed_at=None))
        first = await tx.totp.following("", 2)
        second = await tx.totp.following(first[-1].user_id, 2)
    assert [totp.user_id for totp in first + second] == sorted(user.id for user in users)
