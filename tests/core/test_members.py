"""Members: roles, ownership and leaving. However they are moved about, there is one owner."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import (
    JinbaError,
    MemberNotFound,
    NarrowingExceeded,
    OrganizationNotFound,
    OwnerMustStay,
    RoleTooLow,
    ScopeMissing,
)
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.users import User
from tests.worlds import World

OWNER, ADMIN, MEMBER = "owner@example.com", "admin@example.com", "member@example.com"


async def staffed(world: World) -> dict[str, User]:
    """One user of each role in the organization `default`, by address."""
    roles = {OWNER: Role.OWNER, ADMIN: Role.ADMIN, MEMBER: Role.MEMBER}
    return {email: await world.user(email, role) for email, role in roles.items()}


async def roles(world: World, organization: str = "default") -> dict[str, Role]:
    owner = await world.core.organizations.operator(organization)
    page = await world.core.members.page(owner, organization, PageRequest(limit=200))
    return {member.user.email: member.role for member in page.items}


async def test_members_are_listed_with_names_and_roles_for_every_member(world: World) -> None:
    await staffed(world)
    me = await world.session(MEMBER)
    listed = (await world.core.members.page(me, "default", PageRequest())).items
    assert {(member.user.name, member.role) for member in listed} == {
        ("Owner", Role.OWNER), ("Admin", Role.ADMIN), ("Member", Role.MEMBER),
    }  # fmt: skip
    with pytest.raises(OrganizationNotFound):
        await world.core.members.page(me, "other", PageRequest())


async def test_the_owner_makes_admins_and_an_admin_does_not(world: World) -> None:
    users = await staffed(world)
    owner, admin = await world.session(OWNER), await world.session(ADMIN)
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(admin, "default", users[MEMBER].id, Role.ADMIN)
    changed = await world.core.members.set_role(owner, "default", users[MEMBER].id, Role.ADMIN)
    assert (changed.role, (await roles(world))[MEMBER]) == (Role.ADMIN, Role.ADMIN)
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(admin, "default", users[MEMBER].id, Role.MEMBER)


async def test_a_member_changes_nobody(world: World) -> None:
    users = await staffed(world)
    me = await world.session(MEMBER)
    with pytest.raises(ScopeMissing):
        await world.core.members.set_role(me, "default", users[MEMBER].id, Role.ADMIN)
    with pytest.raises(ScopeMissing):
        await world.core.members.remove(me, "default", users[ADMIN].id)


async def test_the_owner_hands_the_organization_over_and_becomes_an_admin(world: World) -> None:
    users = await staffed(world)
    owner, admin = await world.session(OWNER), await world.session(ADMIN)
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(admin, "default", users[ADMIN].id, Role.OWNER)
    await world.core.members.set_role(owner, "default", users[MEMBER].id, Role.OWNER)
    assert await roles(world) == {OWNER: Role.ADMIN, ADMIN: Role.ADMIN, MEMBER: Role.OWNER}
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(owner, "default", users[OWNER].id, Role.OWNER)


async def test_handing_it_to_oneself_changes_nothing(world: World) -> None:
    users = await staffed(world)
    before = await roles(world)
    await world.core.members.set_role(await world.session(OWNER), "default", users[OWNER].id, Role.OWNER)
    assert await roles(world) == before


async def test_the_owner_neither_leaves_nor_steps_down_nor_is_removed(world: World) -> None:
    users = await staffed(world)
    for caller in (await world.session(OWNER), world.operator):
        with pytest.raises(OwnerMustStay):
            await world.core.members.remove(caller, "default", users[OWNER].id)
        with pytest.raises(OwnerMustStay):
            await world.core.members.set_role(caller, "default", users[OWNER].id, Role.MEMBER)


@pytest.mark.parametrize("email", [ADMIN, MEMBER])
async def test_others_leave_and_lose_the_organization_on_their_next_request(world: World, email: str) -> None:
    users = await staffed(world)
    await world.core.members.remove(await world.session(email), "default", users[email].id)
    assert email not in await roles(world)
    with pytest.raises(OrganizationNotFound):
        (await world.session(email)).require("default", Scope.READ)


async def test_leaving_with_a_key_takes_one_that_was_given_admin(world: World) -> None:
    users = await staffed(world)
    with pytest.raises(ScopeMissing):
        await world.core.members.remove(await world.personal(MEMBER, Scope.READ), "default", users[MEMBER].id)
    await world.core.members.remove(await world.personal(MEMBER, Scope.ADMIN), "default", users[MEMBER].id)


async def test_an_admin_removes_members_and_no_admins(world: World) -> None:
    users = await staffed(world)
    second = await world.user("second@example.com", Role.ADMIN)
    admin = await world.session(ADMIN)
    with pytest.raises(RoleTooLow):
        await world.core.members.remove(admin, "default", second.id)
    await world.core.members.remove(admin, "default", users[MEMBER].id)
    with pytest.raises(MemberNotFound):
        await world.core.members.remove(admin, "default", users[MEMBER].id)


async def test_an_organizations_key_acts_as_an_admin(world: World) -> None:
    users = await staffed(world)
    key = await world.key(Scope.ADMIN)
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(key, "default", users[MEMBER].id, Role.OWNER)
    with pytest.raises(RoleTooLow):
        await world.core.members.remove(key, "default", users[ADMIN].id)
    await world.core.members.remove(key, "default", users[MEMBER].id)


async def test_a_narrowed_key_makes_nobody_who_is_not(world: World) -> None:
    users = await staffed(world)
    key = await world.key(Scope.ADMIN, toolsets=("text-tools",))
    with pytest.raises(NarrowingExceeded):
        await world.core.members.set_role(key, "default", users[MEMBER].id, Role.MEMBER)
    with pytest.raises(NarrowingExceeded):
        await world.core.invitations.create(key, "default", Offer(email="new@example.com"))


async def test_what_the_caller_was_a_moment_ago_does_not_count(world: World) -> None:
    users = await staffed(world)
    former = await world.session(OWNER)
    await world.core.members.set_role(world.operator, "default", users[ADMIN].id, Role.OWNER)
    with pytest.raises(RoleTooLow):
        await world.core.members.set_role(former, "default", users[MEMBER].id, Role.OWNER)
    await world.core.members.remove(world.operator, "default", users[OWNER].id)
    with pytest.raises(OrganizationNotFound):
        await world.core.members.remove(former, "default", users[MEMBER].id)


async def test_members_of_other_organizations_are_not_found(world: World) -> None:
    await staffed(world)
    stranger = await world.user("stranger@example.com", Role.MEMBER, "other")
    with pytest.raises(MemberNotFound):
        await world.core.members.set_role(await world.session(OWNER), "default", stranger.id, Role.ADMIN)


async def test_every_change_is_in_the_audit_log(world: World) -> None:
    users = await staffed(world)
    await world.core.members.set_role(await world.session(OWNER), "default", users[ADMIN].id, Role.OWNER)
    await world.core.members.remove(await world.session(ADMIN), "default", users[MEMBER].id)
    default = await world.core.organizations.resolve("default")
    async with world.store.read() as tx:
        entries = await tx.audit.following(default.id, 0, 200)
    told = [(entry.action, entry.target, entry.user_id, entry.after) for entry in entries]
    assert told[-3:] == [
        ("member.changed", users[ADMIN].id, users[OWNER].id, {"role": "owner"}),
        ("member.changed", users[OWNER].id, users[OWNER].id, {"role": "admin"}),
        ("member.removed", users[MEMBER].id, users[ADMIN].id, None),
    ]


PEOPLE = st.integers(0, 3)
STEP = st.one_of(
    st.tuples(st.just("set_role"), PEOPLE, PEOPLE, st.sampled_from(Role)),
    st.tuples(st.just("remove"), PEOPLE, PEOPLE, st.none()),
    st.tuples(st.just("invite"), PEOPLE, PEOPLE, st.sampled_from(Role)),
    st.tuples(st.just("operator"), PEOPLE, PEOPLE, st.sampled_from(Role)),
    st.tuples(st.just("remove_user"), PEOPLE, PEOPLE, st.none()),
)


@pytest.mark.slow  # generated input
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEP, max_size=14))
async def test_no_sequence_of_changes_leaves_an_organization_without_one_owner(world: World, steps: list[Any]) -> None:
    world.clock.advance(minutes=10)
    number = int(world.clock().timestamp())
    slug, emails = f"org-{number}", [f"p{place}-{number}@example.com" for place in range(4)]
    await world.core.organizations.create(world.operator, slug, "", owner_email=emails[0])
    for email in emails[1:]:
        await world.user(email)
    for kind, acting, target, role in steps:
        try:
            await _step(world, slug, kind, (emails[acting], emails[target]), role)
        except JinbaError:
            continue
        finally:
            assert list((await roles(world, slug)).values()).count(Role.OWNER) == 1


async def _step(world: World, slug: str, kind: str, people: tuple[str, str], role: Role) -> None:
    async def acting(email: str) -> Caller:
        return await world.personal(email, Scope.ADMIN)

    async with world.store.read() as tx:
        target = await tx.users.get_by_email(people[1])
    owner = await world.core.organizations.operator(slug)
    match kind:
        case "set_role":
            await world.core.members.set_role(await acting(people[0]), slug, target.id, role)
        case "operator":
            await world.core.members.set_role(owner, slug, target.id, role)
        case "remove":
            await world.core.members.remove(await acting(people[0]), slug, target.id)
        case "remove_user":
            await world.core.users.remove(world.operator, people[1])
        case "invite":
            await world.core.invitations.create(await acting(people[0]), slug, Offer(email=people[1], role=role))
            await world.core.invitations.accept(await acting(people[1]), await world.invited(people[1]))
