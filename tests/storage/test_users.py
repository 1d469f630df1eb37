"""Users on both databases."""

import pytest

from jinba_mcp.domain.errors import NameTaken, UserNotFound
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.passwords import StoredPassword
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.totp import Totp
from jinba_mcp.domain.users import PendingAccount
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_digest, a_personal_key, a_user, moment, stored_organization
from tests.storage.test_sessions import a_session


async def test_a_user_is_found_by_id_and_by_address_in_any_case(store: Store) -> None:
    user = a_user("Alice@Example.com")
    async with store.begin() as tx:
        await tx.users.add(user)

    async with store.read() as tx:
        assert await tx.users.find(user.id) == await tx.users.get(user.id) == user
        assert await tx.users.find_by_email("aLICE@example.COM") == user
        assert await tx.users.get_by_email("alice@example.com") == user
        assert await tx.users.find_by_email("bob@example.com") is None
        with pytest.raises(UserNotFound):
            await tx.users.get_by_email("bob@example.com")
        with pytest.raises(UserNotFound):
            await tx.users.get(UserId("user_0"))


async def test_an_address_belongs_to_one_user(store: Store) -> None:
    async with store.begin() as tx:
        await tx.users.add(a_user("alice@example.com"))
        with pytest.raises(NameTaken):
            await tx.users.add(a_user("ALICE@example.com"))


async def test_a_name_and_the_proof_of_the_address_are_kept(store: Store) -> None:
    user = a_user()
    changed = user.model_copy(update={"name": "Ada", "verified_at": NOW})
    async with store.begin() as tx:
        await tx.users.add(user)
        await tx.users.save(changed)
    async with store.read() as tx:
        assert await tx.users.find(user.id) == changed
        assert (await tx.users.page(PageRequest())).items == (changed,)


async def test_a_removed_user_leaves_nothing_behind_and_takes_nothing_of_others(store: Store) -> None:
    organization = await stored_organization(store)
    gone, staying = a_user("gone@example.com"), a_user("staying@example.com")
    async with store.begin() as tx:
        for user in (gone, staying):
            await tx.users.add(user)
            await tx.members.add(Membership(organization_id=organization.id, user_id=user.id, role=Role.MEMBER))
            await tx.passwords.save(StoredPassword(user_id=user.id, hash="h", changed_at=NOW))
            await tx.passwords.add_reset(user.id, a_digest(), NOW)
            await tx.totp.save(Totp(user_id=user.id, sealed="s", last_counter=0, confirmed_at=NOW))
            await tx.totp.set_recovery_codes(user.id, ["1"])
            await tx.sessions.add(a_session(user.id), a_digest())
            await tx.keys.add(a_personal_key(user.id), a_digest())
        before = await tx.members.of_user(staying.id)
        await tx.users.remove(gone.id)

    async with store.read() as tx:
        assert await tx.users.find(gone.id) is None
        assert await tx.passwords.find(gone.id) is None
        assert await tx.totp.find(gone.id) is None
        assert (await tx.sessions.page(gone.id, NOW, PageRequest())).items == ()
        assert (await tx.keys.page_personal(gone.id, PageRequest())).items == ()
        assert await tx.members.of_user(gone.id) == []
        assert await tx.members.of_user(staying.id) == before
        assert await tx.passwords.find(staying.id) is not None
        assert len((await tx.keys.page_personal(staying.id, PageRequest())).items) == 1


async def test_an_account_to_be_is_found_by_its_token_until_it_expires_and_forgotten_by_its_address(
    store: Store,
) -> None:
    account = PendingAccount(email="Ann@example.com", name="Ann", password_hash="hash", expires_at=moment(60))
    one, two, three = a_digest(), a_digest(), a_digest()
    async with store.begin() as tx:
        await tx.users.add_pending(account, one, NOW)
        await tx.users.add_pending(account.model_copy(update={"expires_at": moment(90)}), two, NOW)
        assert await tx.users.find_pending(one, NOW) == account
        assert await tx.users.find_pending(one, moment(60)) is None
        await tx.users.add_pending(account.model_copy(update={"email": "bob@example.com"}), three, moment(60))
        assert await tx.users.find_pending(one, NOW) is None
        await tx.users.forget_pending("ANN@example.com")
        assert await tx.users.find_pending(two, NOW) is None
        assert await tx.users.find_pending(three, NOW) is not None
