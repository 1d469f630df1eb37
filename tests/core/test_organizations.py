"""Organizations: who sees which, and who may make them."""

import pytest

from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.errors import FieldsInvalid, NameTaken, OperatorNeeded, OrganizationNotFound
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Scope
from tests.worlds import World


async def test_an_organization_is_found_by_id_and_by_slug(world: World) -> None:
    caller = await world.key(Scope.READ)
    by_slug = await world.core.organizations.get(caller, "default")
    assert await world.core.organizations.get(caller, by_slug.id) == by_slug


async def test_another_organization_is_not_found(world: World) -> None:
    caller = await world.key(Scope.ADMIN)
    other = await world.core.organizations.resolve("other")
    for name in ("other", other.id, "nowhere"):
        with pytest.raises(OrganizationNotFound):
            await world.core.organizations.get(caller, name)


async def test_a_key_lists_its_own_and_the_operator_all(world: World) -> None:
    mine = await world.core.organizations.page(await world.key(Scope.READ), PageRequest())
    assert [organization.slug for organization in mine.items] == ["default"]
    everything = await world.core.organizations.page(world.operator, PageRequest())
    assert {organization.slug for organization in everything.items} == {"default", "other"}


async def test_the_list_of_a_user_in_many_organizations_comes_in_pages(world: World) -> None:
    for number in range(3):
        world.clock.advance(seconds=1)
        await world.core.organizations.create(world.operator, f"org-{number}", "", owner_email="ada@example.com")
    terms = {"name": "ada", "scopes": ("read",)}
    issued = await world.core.keys.issue_personal(
        world.operator, KeyTerms.model_validate(terms), email="ada@example.com"
    )
    ada = await world.core.keys.authenticate(issued.secret)
    first = await world.core.organizations.page(ada, PageRequest(limit=2))
    second = await world.core.organizations.page(ada, PageRequest(limit=2, after=first.next_cursor))
    assert [item.slug for item in (*first.items, *second.items)] == ["org-0", "org-1", "org-2"]
    assert second.next_cursor is None


async def test_only_the_operator_makes_organizations(world: World) -> None:
    with pytest.raises(OperatorNeeded):
        await world.core.organizations.create(await world.key(Scope.ADMIN), "mine", "Mine")


async def test_a_slug_is_taken_once_and_well_formed(world: World) -> None:
    with pytest.raises(NameTaken):
        await world.core.organizations.create(world.operator, "other", "Other again")
    for slug in ("", "Upper", "under_score", "-edge", "a" * 64):
        with pytest.raises(FieldsInvalid):
            await world.core.organizations.create(world.operator, slug, "")


async def test_the_default_organization_is_made_once(world: World) -> None:
    first = await world.core.organizations.ensure_default()
    assert await world.core.organizations.ensure_default() == first
