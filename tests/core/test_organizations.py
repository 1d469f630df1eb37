"""Organizations: who sees which, who may make, rename and delete them, and what becomes of their slugs."""

import pytest

from jinba_mcp.core.catalog import Endpoint, ToolRef
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.errors import (
    Conflict,
    CountExceeded,
    DeletionUnconfirmed,
    FieldsInvalid,
    KeyUnknown,
    NameTaken,
    OrganizationNotFound,
    PersonalKeyNeeded,
    RoleTooLow,
    ScopeMissing,
)
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.organizations import Contents
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.scopes import Role, Scope
from tests.worlds import World

ADA = "ada@example.com"


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


async def test_an_owner_who_is_made_on_the_way_has_an_address_and_is_in_the_audit_log(world: World) -> None:
    with pytest.raises(FieldsInvalid):
        await world.core.organizations.create(world.operator, "hers", "", owner_email="no address")
    await world.core.organizations.create(world.operator, "hers", "", owner_email=ADA)
    await world.core.organizations.create(world.operator, "hers-too", "", owner_email=ADA)
    async with world.store.read() as tx:
        made = [each for each in await tx.audit.following(None, 0, 200) if each.action == "user.created"]
    assert [each.after for each in made] == [{"email": ADA}]


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


async def test_users_make_organizations_and_own_them(world: World) -> None:
    user = await world.user(ADA)
    for slug, caller in [("one", await world.session(ADA)), ("two", await world.personal(ADA, Scope.ADMIN))]:
        made = await world.core.organizations.create(caller, slug, "")
        assert made.name == slug
        async with world.store.read() as tx:
            owner = await tx.members.find_owner(made.id)
        assert owner is not None
        assert owner.user == user


async def test_a_user_owns_so_many_and_the_operator_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.core.organizations.MAX_OWNED", 1)
    await world.user(ADA)
    await world.core.organizations.create(await world.session(ADA), "one", "")
    with pytest.raises(CountExceeded, match="1 organizations"):
        await world.core.organizations.create(await world.session(ADA), "two", "")
    await world.core.organizations.create(world.operator, "two", "", owner_email=ADA)


async def test_keys_of_organizations_and_lesser_ones_of_users_make_none(world: World) -> None:
    await world.user(ADA)
    with pytest.raises(PersonalKeyNeeded):
        await world.core.organizations.create(await world.key(Scope.ADMIN), "mine", "Mine")
    with pytest.raises(ScopeMissing):
        await world.core.organizations.create(await world.personal(ADA, Scope.WRITE), "mine", "Mine")


async def test_a_new_slug_is_found_and_the_old_one_as_well(world: World) -> None:
    await world.publish()
    caller = await world.key(Scope.ADMIN)
    changed = await world.core.organizations.change(caller, "default", slug="acme", name="Acme")
    assert (changed.slug, changed.name) == ("acme", "Acme")
    key = await world.key(Scope.READ, organization="acme")
    for name in ("acme", "default", changed.id):
        assert await world.core.organizations.get(key, name) == changed
        assert (await world.core.organizations.operator(name)).require(name, Scope.ADMIN) == changed.id
    run = await world.call(await world.key(Scope.EXECUTE, organization="acme"), name="Al")
    assert run.output == {"message": "Hello, Al!"}
    for name in ("acme", "default"):
        assert (await world.core.catalog.offers(key, Endpoint(organization=name))).by_name
    assert (await world.core.organizations.ensure_default()).id == changed.id


async def test_nobody_else_gets_a_slug_that_led_to_an_organization(world: World) -> None:
    await world.core.organizations.change(world.operator, "default", slug="acme")
    with pytest.raises(NameTaken):
        await world.core.organizations.create(world.operator, "default", "")
    other = await world.core.organizations.operator("other")
    for slug in ("default", "acme"):
        with pytest.raises(NameTaken):
            await world.core.organizations.change(other, "other", slug=slug)
    default = await world.core.organizations.operator("acme")
    assert (await world.core.organizations.change(default, "acme", slug="default")).slug == "default"
    assert (await world.core.organizations.resolve("acme")).slug == "default"


async def test_a_slug_changes_only_so_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.core.organizations.MAX_FORMER_SLUGS", 2)
    for slug in ("one", "two"):
        await world.core.organizations.change(await world.core.organizations.operator("other"), "other", slug=slug)
    caller = await world.core.organizations.operator("two")
    with pytest.raises(Conflict):
        await world.core.organizations.change(caller, "two", slug="three")
    assert (await world.core.organizations.change(caller, "two", slug="other")).slug == "other"


async def test_what_is_not_to_change_stays(world: World) -> None:
    assert (await world.core.organizations.change(world.operator, "default", name="New")).slug == "default"
    with pytest.raises(FieldsInvalid):
        await world.core.organizations.change(world.operator, "default", slug="Not A Slug")


async def test_only_the_owner_deletes_and_says_the_name(world: World) -> None:
    await world.user(ADA, Role.OWNER, "other")
    await world.user("admin@example.com", Role.ADMIN, "other")
    await world.publish(organization="other")
    key = await world.key(Scope.ADMIN, organization="other")
    for caller in (key, await world.session("admin@example.com")):
        with pytest.raises(RoleTooLow):
            await world.core.organizations.delete(caller, "other", confirm="other")
    owner = await world.session(ADA)
    for confirm in (None, "", "Other", "default"):
        with pytest.raises(DeletionUnconfirmed) as refused:
            await world.core.organizations.delete(owner, "other", confirm=confirm)
    some = {"toolsets": 1, "versions": 1, "keys": 1, "members": 2}
    assert refused.value.details["contents"] == dict.fromkeys(Contents.model_fields, 0) | some
    assert "toolsets: 1" in refused.value.message
    await world.core.organizations.delete(owner, "other", confirm="other")


async def test_what_is_deleted_is_gone_with_all_that_it_held_and_its_slugs_lead_nowhere(world: World) -> None:
    await world.user(ADA, Role.OWNER, "other")
    await world.publish(organization="other")
    owner = await world.core.organizations.operator("other")
    issued = await world.core.keys.issue(owner, "other", KeyTerms(name="k", scopes=(Scope.ADMIN,)))
    await world.core.invitations.create(owner, "other", Offer(email="new@example.com"))
    caller = await world.core.keys.authenticate(issued.secret)
    ref = ToolRef(organization="other", toolset="greeting-tools", tool="greet")
    await world.core.runs.call(caller, ref, {"name": "Al"}, CallContext(source=RunSource.REST))
    await world.core.env.put(owner, "other", "greeting-tools", Setting(key="TOKEN", value="v", is_secret=True))
    gone = await world.core.organizations.change(owner, "other", slug="another")
    await world.core.organizations.delete(owner, "other", confirm="another")
    await world.core.organizations.finish_removals()

    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(issued.secret)
    assert (await world.session(ADA)).grants == ()
    for slug in ("other", "another", gone.id):
        with pytest.raises(OrganizationNotFound):
            await world.core.organizations.resolve(slug)
    for slug in ("other", "another"):
        with pytest.raises(NameTaken):
            await world.core.organizations.create(world.operator, slug, "")
    async with world.store.read() as tx:
        assert set((await tx.organizations.contents(gone.id)).model_dump().values()) == {0}
        assert [entry.action for entry in await tx.audit.following(gone.id, 0, 200)][-1] == "organization.deleted"


async def test_the_first_organization_is_not_deleted_whatever_it_is_called(world: World) -> None:
    await world.core.organizations.change(world.operator, "default", slug="acme")
    caller = await world.core.organizations.operator("acme")
    with pytest.raises(Conflict):
        await world.core.organizations.delete(caller, "acme", confirm="acme")


async def test_a_slug_is_taken_once_and_well_formed(world: World) -> None:
    with pytest.raises(NameTaken):
        await world.core.organizations.create(world.operator, "other", "Other again")
    for slug in ("", "Upper", "under_score", "-edge", "a" * 64):
        with pytest.raises(FieldsInvalid):
            await world.core.organizations.create(world.operator, slug, "")


async def test_the_default_organization_is_made_once(world: World) -> None:
    first = await world.core.organizations.ensure_default()
    assert await world.core.organizations.ensure_default() == first
