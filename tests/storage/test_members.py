"""Memberships on both databases."""

import pytest

from jinba_mcp.domain.errors import MemberNotFound, NameTaken
from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.members import Member, Membership
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User
from jinba_mcp.storage.store import Store
from tests.storage.records import stored_organization
from tests.storage.test_sessions import stored_user


def joined(organization_id: str, user: User, role: Role = Role.MEMBER) -> Membership:
    return Membership(organization_id=OrganizationId(organization_id), user_id=user.id, role=role)


async def test_a_user_joins_an_organization_once(store: Store) -> None:
    acme, user = await stored_organization(store), await stored_user(store)
    membership = joined(acme.id, user, Role.ADMIN)
    async with store.begin() as tx:
        await tx.members.add(membership)
        with pytest.raises(NameTaken):
            await tx.members.add(membership)
    async with store.read() as tx:
        assert await tx.members.of_user(user.id) == [membership]
        assert await tx.members.get(acme.id, user.id) == Member(user=user, role=Role.ADMIN)
        assert await tx.members.role(acme.id, user.id) is Role.ADMIN


async def test_the_database_itself_takes_one_owner_only(store: Store) -> None:
    acme = await stored_organization(store)
    first, second = await stored_user(store), await stored_user(store, "bob@example.com")
    async with store.begin() as tx:
        assert await tx.members.find_owner(acme.id) is None
        await tx.members.add(joined(acme.id, first, Role.OWNER))
        with pytest.raises(NameTaken):
            await tx.members.add(joined(acme.id, second, Role.OWNER))
    async with store.read() as tx:
        assert await tx.members.find_owner(acme.id) == Member(user=first, role=Role.OWNER)


async def test_members_of_another_organization_are_not_there(store: Store) -> None:
    acme, other, user = (
        await stored_organization(store),
        await stored_organization(store, "b"),
        await stored_user(store),
    )
    async with store.begin() as tx:
        await tx.members.add(joined(acme.id, user))
    async with store.read() as tx:
        assert await tx.members.find(other.id, user.id) is None
        assert await tx.members.role(other.id, user.id) is None
        assert (await tx.members.page(other.id, PageRequest())).items == ()
        with pytest.raises(MemberNotFound):
            await tx.members.get(other.id, UserId("user_1"))


async def test_changes_move_the_generation(store: Store) -> None:
    acme, user = await stored_organization(store), await stored_user(store)
    seen = [await store.generation()]
    for change in ("add", "save", "remove"):
        async with store.begin() as tx:
            if change == "remove":
                await tx.members.remove(acme.id, user.id)
            else:
                await getattr(tx.members, change)(
                    joined(acme.id, user, Role.ADMIN if change == "save" else Role.MEMBER)
                )
            role = await tx.members.role(acme.id, user.id)
        assert role is {"add": Role.MEMBER, "save": Role.ADMIN, "remove": None}[change]
        seen.append(await store.generation())
    assert seen == sorted(set(seen))


async def test_members_come_in_pages(store: Store) -> None:
    acme = await stored_organization(store)
    users = [await stored_user(store, f"user{n}@example.com") for n in range(3)]
    async with store.begin() as tx:
        for user in users:
            await tx.members.add(joined(acme.id, user))
    async with store.read() as tx:
        first = await tx.members.page(acme.id, PageRequest(limit=2))
        second = await tx.members.page(acme.id, PageRequest(limit=2, after=first.next_cursor))
    assert [member.user.id for member in (*first.items, *second.items)] == sorted(user.id for user in users)
