"""Keys: authentication, and that no key hands out more than it holds."""

from datetime import timedelta

import anyio
import pytest

from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain import keys
from jinba_mcp.domain.caller import CallerKind
from jinba_mcp.domain.errors import (
    AddressForbidden,
    CountExceeded,
    FieldsInvalid,
    KeyExpired,
    KeyMalformed,
    KeyMissing,
    KeyNotFound,
    KeyUnknown,
    NarrowingExceeded,
    OperatorNeeded,
    OrganizationNotFound,
    PersonalKeyNeeded,
    ScopeMissing,
    UserNotFound,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import ALL_SCOPES, Role, Scope
from tests.worlds import World


def terms(*scopes: Scope, **more: object) -> KeyTerms:
    return KeyTerms.model_validate({"name": "a key", "scopes": scopes or (Scope.READ,), **more})


async def test_a_key_is_stored_as_a_digest_and_known_again(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())
    caller = await world.core.keys.authenticate(issued.secret)
    assert (caller.key_id, caller.kind) == (issued.key.id, CallerKind.ORGANIZATION_KEY)
    assert issued.secret.startswith(issued.key.prefix)
    assert len(issued.key.prefix) == 8
    assert issued.secret not in issued.key.model_dump_json()


@pytest.mark.parametrize(
    ("secret", "error"),
    [(None, KeyMissing), ("", KeyMissing), ("jtb_short", KeyMalformed), (keys.new_secret(), KeyUnknown)],
    ids=["nothing", "empty", "malformed", "unknown"],
)
async def test_what_is_no_key_of_ours_is_refused(world: World, secret: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        await world.core.keys.authenticate(secret)


async def test_admin_implies_the_other_scopes(world: World) -> None:
    assert (await world.key(Scope.ADMIN)).scopes == ALL_SCOPES


async def test_a_revoked_key_is_refused_on_the_next_request(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())
    await world.core.keys.authenticate(issued.secret)
    await world.core.keys.revoke(world.operator, "default", issued.key.id)
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(issued.secret)
    with pytest.raises(KeyNotFound):
        await world.core.keys.revoke(world.operator, "default", issued.key.id)


async def test_a_key_expires_by_the_clock_alone(world: World) -> None:
    expires_at = world.clock.now + timedelta(hours=1)
    issued = await world.core.keys.issue(world.operator, "default", terms(expires_at=expires_at))
    await world.core.keys.authenticate(issued.secret)
    world.clock.advance(hours=1)
    with pytest.raises(KeyExpired):
        await world.core.keys.authenticate(issued.secret)


async def test_a_key_cannot_be_made_expired(world: World) -> None:
    with pytest.raises(FieldsInvalid):
        await world.core.keys.issue(world.operator, "default", terms(expires_at=world.clock.now))


async def test_a_key_works_from_its_addresses_only(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms(allowed_ips=("10.0.0.0/8", "::1")))
    await world.core.keys.authenticate(issued.secret, "10.1.2.3")
    await world.core.keys.authenticate(issued.secret, "::1")
    for address in ("11.0.0.1", "nonsense", None):
        with pytest.raises(AddressForbidden):
            await world.core.keys.authenticate(issued.secret, address)


async def test_an_address_that_is_none_is_refused_by_its_place(world: World) -> None:
    with pytest.raises(FieldsInvalid) as caught:
        await world.core.keys.issue(world.operator, "default", terms(allowed_ips=("10.0.0.0/8", "10.0.0.0/99")))
    assert caught.value.details["errors"] == [
        {"pointer": "/allowedIps/1", "detail": "not an IP network such as 10.0.0.0/8"}
    ]


async def test_a_changed_key_is_seen_on_the_next_request(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms(Scope.READ))
    assert (await world.core.keys.authenticate(issued.secret)).scopes == {Scope.READ}
    await world.core.keys.change(world.operator, "default", issued.key.id, {"scopes": ["execute"], "name": "new"})
    assert (await world.core.keys.authenticate(issued.secret)).scopes == {Scope.EXECUTE}
    assert (await world.core.keys.get(world.operator, "default", issued.key.id)).name == "new"


async def test_an_expired_key_may_still_be_renamed(world: World) -> None:
    issued = await world.core.keys.issue(
        world.operator, "default", terms(expires_at=world.clock.now + timedelta(hours=1))
    )
    world.clock.advance(hours=2)
    changed = await world.core.keys.change(world.operator, "default", issued.key.id, {"name": "old one"})
    assert changed.name == "old one"


async def test_rotation_ends_the_old_secret_at_once(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())
    rotated = await world.core.keys.rotate(world.operator, "default", issued.key.id)
    assert rotated.key.id == issued.key.id
    assert (await world.core.keys.authenticate(rotated.secret)).key_prefix == rotated.secret[:8]
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(issued.secret)


async def test_rotation_with_overlap_keeps_the_old_secret_for_that_long(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())
    rotated = await world.core.keys.rotate(world.operator, "default", issued.key.id, overlap_s=60)
    world.clock.advance(seconds=59)
    await world.core.keys.authenticate(issued.secret)
    world.clock.advance(seconds=1)
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(issued.secret)
    await world.core.keys.authenticate(rotated.secret)


@pytest.mark.parametrize("overlap_s", [-1, 7 * 24 * 3600 + 1])
async def test_an_overlap_has_bounds(world: World, overlap_s: int) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())
    with pytest.raises(FieldsInvalid):
        await world.core.keys.rotate(world.operator, "default", issued.key.id, overlap_s=overlap_s)


async def test_a_use_is_noted_at_most_once_a_minute(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", terms())

    async def last_used() -> object:
        return (await world.core.keys.get(world.operator, "default", issued.key.id)).last_used_at

    assert await last_used() is None
    first = world.clock.now
    await world.core.keys.authenticate(issued.secret)
    world.clock.advance(seconds=59)
    await world.core.keys.authenticate(issued.secret)
    assert await last_used() == first
    world.clock.advance(seconds=1)
    await world.core.keys.authenticate(issued.secret)
    assert await last_used() == first + timedelta(seconds=60)


async def test_a_narrowed_key_cannot_make_a_wider_one(world: World) -> None:
    narrowed = await world.key(Scope.ADMIN, toolsets=("greeting-tools",))
    with pytest.raises(NarrowingExceeded):
        await world.core.keys.issue(narrowed, "default", terms())
    with pytest.raises(NarrowingExceeded):
        await world.core.keys.issue(narrowed, "default", terms(toolsets=("greeting-tools", "text-tools")))
    await world.core.keys.issue(narrowed, "default", terms(toolsets=("greeting-tools",)))


async def test_a_key_makes_none_that_lives_longer_or_may_be_used_from_elsewhere(world: World) -> None:
    soon, here = world.clock() + timedelta(days=1), ("10.0.0.0/8",)
    own = await world.core.keys.issue(world.operator, "default", terms(Scope.ADMIN, expires_at=soon, allowed_ips=here))
    limited = await world.core.keys.authenticate(own.secret, "10.1.2.3")
    for more in (
        {"expires_at": soon},
        {"allowed_ips": here},
        {"expires_at": soon + timedelta(seconds=1), "allowed_ips": here},
        {"expires_at": soon, "allowed_ips": ("10.0.0.0/8", "192.0.2.1")},
    ):
        with pytest.raises(NarrowingExceeded):
            await world.core.keys.issue(limited, "default", terms(**more))
    with pytest.raises(NarrowingExceeded):
        await world.core.keys.change(limited, "default", own.key.id, {"expires_at": None})
    await world.core.keys.issue(limited, "default", terms(expires_at=soon, allowed_ips=("10.1.0.0/16",)))
    await world.core.keys.rotate(limited, "default", own.key.id)


async def test_a_narrowed_key_cannot_take_over_a_wider_one_by_rotating_it(world: World) -> None:
    wide = await world.core.keys.issue(world.operator, "default", terms(Scope.ADMIN))
    narrowed = await world.key(Scope.ADMIN, toolsets=("greeting-tools",))
    with pytest.raises(NarrowingExceeded):
        await world.core.keys.rotate(narrowed, "default", wide.key.id)


async def test_the_list_is_the_organizations_own_newest_first_without_the_revoked(world: World) -> None:
    made = []
    for _ in range(3):
        world.clock.advance(seconds=1)
        made.append((await world.core.keys.issue(world.operator, "default", terms())).key.id)
    await world.core.keys.issue(await world.core.organizations.operator("other"), "other", terms())
    await world.core.keys.revoke(world.operator, "default", made[1])
    page = await world.core.keys.page(world.operator, "default", PageRequest())
    assert [key.id for key in page.items] == [made[2], made[0]]


async def test_another_organizations_key_is_not_found(world: World) -> None:
    other = await world.core.organizations.operator("other")
    theirs = await world.core.keys.issue(other, "other", terms())
    with pytest.raises(KeyNotFound):
        await world.core.keys.get(world.operator, "default", theirs.key.id)
    with pytest.raises(OrganizationNotFound):
        await world.core.keys.get(await world.key(Scope.ADMIN), "other", theirs.key.id)


async def test_the_first_key_is_made_once(world: World) -> None:
    first = await world.core.keys.ensure_first(world.operator, "default")
    assert first is not None
    assert first.key.scopes == (Scope.ADMIN,)
    await world.core.keys.revoke(world.operator, "default", first.key.id)
    assert await world.core.keys.ensure_first(world.operator, "default") is None


async def personal(world: World, *scopes: Scope, email: str = "alice@example.com") -> str:
    issued = await world.core.keys.issue_personal(world.operator, terms(*scopes), email=email)
    return issued.secret


async def test_a_personal_key_acts_in_every_organization_of_its_user(world: World) -> None:
    for slug in ("one", "two"):
        await world.core.organizations.create(world.operator, slug, slug, owner_email="alice@example.com")
    caller = await world.core.keys.authenticate(await personal(world, Scope.ADMIN))
    assert caller.kind is CallerKind.PERSONAL_KEY
    assert {grant.organization_slug for grant in caller.grants} == {"one", "two"}
    assert (await world.core.keys.me(caller)) is not None
    with pytest.raises(OrganizationNotFound):
        caller.require("default", Scope.READ)


async def test_a_new_membership_reaches_a_personal_key_on_its_next_request(world: World) -> None:
    await world.core.organizations.create(world.operator, "one", "one", owner_email="alice@example.com")
    secret = await personal(world, Scope.READ)
    assert len((await world.core.keys.authenticate(secret)).grants) == 1
    await world.core.organizations.create(world.operator, "two", "two", owner_email="alice@example.com")
    assert len((await world.core.keys.authenticate(secret)).grants) == 2


async def test_personal_keys_make_list_and_revoke_their_own(world: World) -> None:
    await world.core.organizations.create(world.operator, "one", "one", owner_email="alice@example.com")
    await world.core.organizations.create(world.operator, "two", "two", owner_email="bob@example.com")
    alice = await world.core.keys.authenticate(await personal(world, Scope.READ, Scope.EXECUTE))
    bob = await world.core.keys.authenticate(await personal(world, Scope.READ, email="bob@example.com"))
    with pytest.raises(ScopeMissing):
        await world.core.keys.issue_personal(alice, terms(Scope.ADMIN))
    issued = await world.core.keys.issue_personal(alice, terms(Scope.READ))
    assert len((await world.core.keys.page_personal(alice, PageRequest())).items) == 2
    with pytest.raises(KeyNotFound):
        await world.core.keys.revoke_personal(bob, issued.key.id)
    await world.core.keys.revoke_personal(alice, issued.key.id)
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(issued.secret)


async def test_an_organization_key_has_no_personal_keys(world: World) -> None:
    caller = await world.key(Scope.ADMIN)
    with pytest.raises(PersonalKeyNeeded):
        await world.core.keys.page_personal(caller, PageRequest())


async def test_the_operator_lists_and_revokes_anyones_personal_keys(world: World) -> None:
    await world.core.organizations.create(world.operator, "one", "one", owner_email="alice@example.com")
    secret = await personal(world, Scope.READ)
    (key,) = (await world.core.keys.page_personal(world.operator, PageRequest(), email="alice@example.com")).items
    with pytest.raises(OperatorNeeded):
        await world.core.keys.page_personal(await world.key(Scope.ADMIN), PageRequest(), email="alice@example.com")
    await world.core.keys.revoke_personal(world.operator, key.id, email="alice@example.com")
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(secret)


async def test_a_personal_key_of_nobody_is_refused(world: World) -> None:
    with pytest.raises(UserNotFound):
        await personal(world, email="nobody@example.com")


async def test_every_change_of_a_key_is_in_the_audit_log_without_its_secret(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", KeyTerms(name="first"))
    await world.core.keys.change(world.operator, "default", issued.key.id, {"name": "second"})
    rotated = await world.core.keys.rotate(world.operator, "default", issued.key.id)
    await world.core.keys.revoke(world.operator, "default", issued.key.id)
    async with world.store.read() as tx:
        default = await tx.organizations.get("default")
        entries = [each for each in await tx.audit.following(default.id, 0, 200) if each.target == issued.key.id]
    assert [entry.action for entry in entries] == ["key.created", "key.changed", "key.rotated", "key.revoked"]
    names = [((entry.before or {}).get("name"), (entry.after or {}).get("name")) for entry in entries]
    assert names == [(None, "first"), ("first", "second"), ("second", "second"), ("second", None)]
    assert issued.secret not in str(entries)
    assert rotated.secret not in str(entries)


async def test_a_member_makes_keys_of_any_scope_that_their_own_was_given_and_the_role_limits_them(world: World) -> None:
    await world.user("member@example.com", Role.MEMBER)
    reading = await world.personal("member@example.com", Scope.READ)
    all_of_it = await world.personal("member@example.com", Scope.ADMIN)
    with pytest.raises(ScopeMissing):
        await world.core.keys.issue_personal(reading, KeyTerms(name="more", scopes=(Scope.EXECUTE,)))
    issued = await world.core.keys.issue_personal(all_of_it, KeyTerms(name="all", scopes=(Scope.ADMIN,)))
    assert Scope.ADMIN not in (await world.core.keys.authenticate(issued.secret)).scopes


async def test_an_organization_and_a_user_have_so_many_and_revoked_ones_do_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.core.keys.MAX_KEYS", 1)
    monkeypatch.setattr("jinba_mcp.core.keys.MAX_PERSONAL_KEYS", 1)
    await world.user("ada@example.com")
    terms = KeyTerms(name="k", scopes=(Scope.READ,))
    issued = await world.core.keys.issue(world.operator, "default", terms)
    await world.core.keys.issue_personal(world.operator, terms, email="ada@example.com")
    with pytest.raises(CountExceeded, match="This organization has 1 keys"):
        await world.core.keys.issue(world.operator, "default", terms)
    with pytest.raises(CountExceeded, match="This user has 1 keys"):
        await world.core.keys.issue_personal(world.operator, terms, email="ada@example.com")
    await world.core.keys.revoke(world.operator, "default", issued.key.id)
    await world.core.keys.issue(world.operator, "default", terms)


async def test_changes_at_once_undo_nothing_of_each_other(world: World) -> None:
    """One admin takes rights away while another renames the key, and a third rotates it."""
    issued = await world.core.keys.issue(world.operator, "default", terms(Scope.ADMIN))
    changes: list[JsonObject] = [{"scopes": ["read"]}, {"name": "renamed"}]
    async with anyio.create_task_group() as tasks:
        for each in changes:
            tasks.start_soon(world.core.keys.change, world.operator, "default", issued.key.id, each)
        tasks.start_soon(world.core.keys.rotate, world.operator, "default", issued.key.id)
    found = await world.core.keys.get(world.operator, "default", issued.key.id)
    assert (found.name, found.scopes, found.prefix == issued.key.prefix) == ("renamed", (Scope.READ,), False)
