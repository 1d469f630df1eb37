"""Users and memberships on both databases."""

import pytest

from jinba_mcp.domain.errors import NameTaken, UserNotFound
from jinba_mcp.domain.organizations import Membership
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.store import Store
from tests.storage.records import a_user, stored_organization


async def test_a_user_is_found_by_id_and_by_address_in_any_case(store: Store) -> None:
    user = a_user("Alice@Example.com")
    async with store.begin() as tx:
        await tx.users.add(user)

    async with store.read() as tx:
        assert await tx.users.find(user.id) == user
        assert await tx.users.find_by_email("aLICE@example.COM") == user
        assert await tx.users.get_by_email("alice@example.com") == user
        assert await tx.users.find_by_email("bob@example.com") is None
        with pytest.raises(UserNotFound):
            await tx.users.get_by_email("bob@example.com")


async def test_an_address_belongs_to_one_user(store: Store) -> None:
    async with store.begin() as tx:
        await tx.users.add(a_user("alice@example.com"))
        with pytest.raises(NameTaken):
            await tx.users.add(a_user("ALICE@example.com"))


async def test_a_user_joins_an_organization_once(store: Store) -> None:
    organization, user = await stored_organization(store), a_user()
    membership = Membership(organization_id=organization.id, user_id=user.id, role=Role.ADMIN)
    async with store.begin() as tx:
        await tx.users.add(user)
        await tx.users.add_membership(membership)
        with pytest.raises(NameTaken):
            await tx.users.add_membership(membership)

    async with store.read() as tx:
        assert await tx.users.memberships(user.id) == [membership]
