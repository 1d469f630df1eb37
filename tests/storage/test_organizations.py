"""Organizations on both databases."""

import pytest

from jinba_mcp.domain.errors import NameTaken, OrganizationNotFound
from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import PageRequest, decode_cursor, encode_cursor
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.store import Store
from tests.storage.records import a_user, an_organization, moment, stored_organization


async def test_an_organization_is_found_by_id_and_by_slug(store: Store) -> None:
    acme = await stored_organization(store, "acme")
    await stored_organization(store, "other")

    async with store.read() as tx:
        assert await tx.organizations.find(acme.id) == acme
        assert await tx.organizations.get("acme") == acme
        assert await tx.organizations.find("nobody") is None
        with pytest.raises(OrganizationNotFound):
            await tx.organizations.get("nobody")


async def test_a_taken_slug_is_refused_and_leaves_the_transaction_usable(store: Store) -> None:
    await stored_organization(store, "acme")

    async with store.begin() as tx:
        with pytest.raises(NameTaken, match="acme"):
            await tx.organizations.add(an_organization("acme"))
        await tx.organizations.add(an_organization("second"))

    async with store.read() as tx:
        assert await tx.organizations.find("second") is not None


async def test_pages_of_organizations_follow_one_another_without_gap_or_repetition(store: Store) -> None:
    made = [await stored_organization(store, f"org-{n}", moment(n)) for n in range(5)]

    seen: list[Organization] = []
    cursor: str | None = None
    async with store.read() as tx:
        for _ in range(3):
            request = PageRequest(limit=2, after=None if cursor is None else decode_cursor(cursor))
            page = await tx.organizations.page(request)
            seen += page.items
            cursor = None if page.next_cursor is None else encode_cursor(page.next_cursor)

    assert seen == made
    assert cursor is None


async def test_a_user_belongs_to_organizations_with_a_role_in_each(store: Store) -> None:
    user, stranger = a_user(), a_user("bob@example.com")
    first, second = an_organization("bravo"), an_organization("alpha")
    async with store.begin() as tx:
        for organization in (first, second):
            await tx.organizations.add(organization)
        for person in (user, stranger):
            await tx.users.add(person)
        for organization, role in ((first, Role.OWNER), (second, Role.MEMBER)):
            await tx.members.add(Membership(organization_id=organization.id, user_id=user.id, role=role))

    async with store.read() as tx:
        assert await tx.organizations.of_user(user.id) == [(second, Role.MEMBER), (first, Role.OWNER)]
        assert await tx.organizations.of_user(stranger.id) == []


async def test_a_former_slug_finds_its_organization_and_is_nobody_elses(store: Store) -> None:
    acme, other = await stored_organization(store, "acme"), await stored_organization(store, "other")
    renamed = acme.model_copy(update={"slug": "ajax", "name": "Ajax"})
    async with store.begin() as tx:
        await tx.organizations.save(acme, renamed)
        for taken in ("acme", "ajax"):
            with pytest.raises(NameTaken):
                await tx.organizations.save(other, other.model_copy(update={"slug": taken}))
            with pytest.raises(NameTaken):
                await tx.organizations.add(an_organization(taken))

    async with store.read() as tx:
        assert [await tx.organizations.get(name) for name in ("acme", "ajax", acme.id)] == [renamed] * 3
        assert await tx.organizations.former_slugs([acme.id, other.id]) == {acme.id: {"acme"}}
        assert await tx.organizations.former_slugs([]) == {}


async def test_an_organization_takes_a_slug_of_its_own_again(store: Store) -> None:
    acme = await stored_organization(store, "acme")
    renamed = acme.model_copy(update={"slug": "ajax"})
    async with store.begin() as tx:
        await tx.organizations.save(acme, renamed)
        await tx.organizations.save(renamed, acme)
        assert await tx.organizations.former_slugs([acme.id]) == {acme.id: {"ajax"}}
        assert await tx.organizations.get("ajax") == acme


async def test_a_new_name_alone_leaves_no_former_slug_and_moves_the_generation(store: Store) -> None:
    acme = await stored_organization(store, "acme")
    before = await store.generation()
    async with store.begin() as tx:
        await tx.organizations.save(acme, acme.model_copy(update={"name": "Acme & Sons"}))
        assert await tx.organizations.former_slugs([acme.id]) == {}
    assert await store.generation() > before
