"""Invitations: from the offer to the member, and everyone whom they are not for."""

import anyio
import pytest

from jinba_mcp.core import core
from jinba_mcp.core.core import Core
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.users import SignUp
from jinba_mcp.domain.errors import (
    Conflict,
    CountExceeded,
    FieldsInvalid,
    InvitationMismatch,
    InvitationNotFound,
    NameTaken,
    OrganizationNotFound,
    PersonalKeyNeeded,
    RoleTooLow,
    ScopeMissing,
    SignUpClosed,
)
from jinba_mcp.domain.invitations import LIFETIME, MAILING_S, Invitation, MailState, Offer
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.outbound.mail import Letter
from tests.worlds import PASSWORD, PretendedResolver, World, a_workshop, an_admission

EVE = "eve@example.com"


async def invited(world: World, email: str = EVE, role: Role = Role.MEMBER) -> str:
    """The token of an invitation to the organization `default`."""
    await world.core.invitations.create(world.operator, "default", Offer(email=email, role=role))
    await world.core.invitations.mail_due()
    return mailed_token(world)


def mailed_token(world: World) -> str:
    """What the last mail has."""
    return world.mail.sent[-1].text.partition("http://localhost/v1/invitations/")[2].partition("\n")[0]


async def listed(world: World) -> list[Invitation]:
    return list((await world.core.invitations.page(world.operator, "default", PageRequest())).items)


async def role_of(world: World, email: str) -> Role | None:
    default = await world.core.organizations.resolve("default")
    async with world.store.read() as tx:
        return await tx.members.role(default.id, (await tx.users.get_by_email(email)).id)


async def test_an_invitation_is_mailed_with_its_token_which_nobody_else_sees(world: World) -> None:
    issued = await world.core.invitations.create(world.operator, "default", Offer(email=EVE))
    assert (issued.token, issued.invitation.mail, world.mail.sent) == (None, MailState.PENDING, [])
    (mailed,) = await world.core.invitations.mail_due()
    (letter,) = world.mail.sent
    assert letter.to == EVE
    assert "Default" in letter.text
    invitation, organization = await world.core.invitations.look(mailed_token(world))
    assert (invitation, organization.slug) == (mailed, "default")
    assert (invitation.mail, await listed(world)) == (MailState.SENT, [mailed])
    assert await world.core.invitations.mail_due() == []


async def test_what_is_not_mailed_is_handed_over(world: World, resolver: PretendedResolver, keyring: Keyring) -> None:
    workshop = a_workshop(resolver, keyring)
    silent = core.build(world.store, world.clock, workshop, observe=lambda _: None, admission=an_admission())
    issued = await silent.invitations.create(world.operator, "default", Offer(email=EVE))
    assert issued.invitation.mail is None
    assert (await silent.invitations.look(issued.token or ""))[0] == issued.invitation
    assert await silent.invitations.mail_due() == []
    with pytest.raises(Conflict, match="no mail"):
        await silent.invitations.resend(world.operator, "default", issued.invitation.id)


async def test_what_could_not_be_mailed_says_why_and_is_sent_again_on_request(world: World) -> None:
    world.mail.is_up = False
    issued = await world.core.invitations.create(world.operator, "default", Offer(email=EVE))
    await world.core.invitations.mail_due()
    (failed,) = await listed(world)
    assert (failed.mail, failed.mail_error) == (MailState.FAILED, "The mail server is down.")
    assert await world.core.invitations.mail_due() == []
    world.mail.is_up = True
    again = await world.core.invitations.resend(world.operator, "default", issued.invitation.id)
    assert (again.mail, again.mail_error) == (MailState.PENDING, None)
    await world.core.invitations.mail_due()
    assert (await world.core.invitations.look(mailed_token(world)))[0].mail is MailState.SENT
    with pytest.raises(InvitationNotFound):
        await world.core.invitations.resend(world.operator, "default", "inv_nothing")


async def test_a_mail_of_a_process_that_died_over_it_is_sent_by_another_and_no_other_is_sent_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.core.invitations.create(world.operator, "default", Offer(email=EVE))

    has_begun = anyio.Event()

    async def slow(_letter: Letter) -> None:
        has_begun.set()
        await anyio.sleep_forever()

    with monkeypatch.context() as patched:
        patched.setattr(world.mail, "send", slow)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.core.invitations.mail_due)
            with anyio.fail_after(10):
                await has_begun.wait()
            tasks.cancel_scope.cancel()
    assert await world.core.invitations.mail_due() == []
    world.clock.advance(seconds=MAILING_S)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(world.core.invitations.mail_due)
    assert [letter.to for letter in world.mail.sent] == [EVE]


async def test_a_new_user_comes_in_with_a_name_and_a_password(world: World) -> None:
    token = await invited(world, role=Role.ADMIN)
    user, organization = await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    assert (user.email, user.name, user.verified_at, organization.slug) == (EVE, "Eve", world.clock(), "default")
    assert await role_of(world, EVE) is Role.ADMIN
    assert (await world.session(EVE)).require("default", Scope.ADMIN) == organization.id
    with pytest.raises(InvitationNotFound):
        await world.core.invitations.accept_new(token, "Eve", PASSWORD)


async def test_a_user_comes_in_signed_in_or_with_a_key_that_was_given_admin(world: World) -> None:
    for email in (EVE, "mallory@example.com"):
        await world.user(email)
    token = await invited(world, "EVE@example.com")
    with pytest.raises(ScopeMissing):
        await world.core.invitations.accept(await world.personal(EVE, Scope.EXECUTE), token)
    assert (await world.core.invitations.accept(await world.session(EVE), token)).slug == "default"
    assert await role_of(world, EVE) is Role.MEMBER
    token = await invited(world, "mallory@example.com")
    await world.core.invitations.accept(await world.personal("mallory@example.com", Scope.ADMIN), token)


async def test_only_the_invited_address_comes_in(world: World) -> None:
    await world.user("mallory@example.com")
    token = await invited(world)
    with pytest.raises(InvitationMismatch):
        await world.core.invitations.accept(await world.session("mallory@example.com"), token)
    with pytest.raises(PersonalKeyNeeded):
        await world.core.invitations.accept(await world.key(Scope.ADMIN), token)
    await world.core.invitations.accept_new(token, "Eve", PASSWORD)


async def test_an_address_with_an_account_makes_no_second_one(world: World) -> None:
    await world.user(EVE)
    token = await invited(world)
    with pytest.raises(NameTaken):
        await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    await world.core.invitations.accept(await world.session(EVE), token)


async def test_a_weak_password_uses_nothing_up(world: World) -> None:
    token = await invited(world)
    with pytest.raises(FieldsInvalid):
        await world.core.invitations.accept_new(token, "Eve", "password2026")
    await world.core.invitations.accept_new(token, "Eve", PASSWORD)


async def test_an_invitation_ends_after_a_week_with_the_next_one_and_when_it_is_withdrawn(world: World) -> None:
    old = await invited(world)
    world.clock.advance(seconds=LIFETIME.total_seconds())
    expired, withdrawn = old, await invited(world, "w@example.com")
    (open_one,) = await listed(world)
    assert open_one.email == "w@example.com"
    await world.core.invitations.withdraw(world.operator, "default", open_one.id)
    replaced = await invited(world)
    await invited(world)
    for token in (expired, withdrawn, replaced, "", "x" * 43):
        with pytest.raises(InvitationNotFound):
            await world.core.invitations.look(token)
        with pytest.raises(InvitationNotFound):
            await world.core.invitations.accept_new(token, "Eve", PASSWORD)


async def test_nobody_invites_to_a_role_of_ones_own_or_above(world: World) -> None:
    await world.user("owner@example.com", Role.OWNER)
    await world.user("admin@example.com", Role.ADMIN)
    owner, admin = await world.session("owner@example.com"), await world.session("admin@example.com")
    key = await world.key(Scope.ADMIN)
    for caller, role in [(owner, Role.OWNER), (admin, Role.ADMIN), (admin, Role.OWNER), (key, Role.ADMIN)]:
        with pytest.raises(RoleTooLow):
            await world.core.invitations.create(caller, "default", Offer(email=EVE, role=role))
    await world.core.invitations.create(owner, "default", Offer(email=EVE, role=Role.ADMIN))


async def test_an_operators_invitation_may_make_the_owner_of_an_organization_without_one(world: World) -> None:
    token, late = await invited(world, role=Role.OWNER), await invited(world, "late@example.com", Role.OWNER)
    await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    assert await role_of(world, EVE) is Role.OWNER
    with pytest.raises(NameTaken):
        await world.core.invitations.accept_new(late, "Late", PASSWORD)
    async with world.store.read() as tx:
        assert await tx.users.find_by_email("late@example.com") is None


async def test_members_are_not_invited(world: World) -> None:
    await world.user(EVE, Role.MEMBER)
    with pytest.raises(NameTaken):
        await world.core.invitations.create(world.operator, "default", Offer(email=EVE.upper()))


async def test_so_many_are_open_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.core.invitations.MAX_PENDING", 2)
    for number in range(2):
        await invited(world, f"user{number}@example.com")
    with pytest.raises(CountExceeded):
        await invited(world, "another@example.com")
    assert {each.email for each in await listed(world)} == {"user0@example.com", "user1@example.com"}
    await invited(world, "USER1@example.com")
    assert {each.email for each in await listed(world)} == {"user0@example.com", "USER1@example.com"}


async def test_an_organization_has_so_many_members(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.core.invitations.MAX_MEMBERS", 1)
    await world.user("member@example.com", Role.MEMBER)
    token = await invited(world)
    with pytest.raises(CountExceeded, match="1 members"):
        await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    async with world.store.read() as tx:
        assert await tx.users.find_by_email(EVE) is None


async def test_members_and_other_organizations_see_none(world: World) -> None:
    await world.user("member@example.com", Role.MEMBER)
    await invited(world)
    (invitation,) = (await world.core.invitations.page(world.operator, "default", PageRequest())).items
    with pytest.raises(ScopeMissing):
        await world.core.invitations.page(await world.session("member@example.com"), "default", PageRequest())
    stranger = await world.key(Scope.ADMIN, organization="other")
    with pytest.raises(OrganizationNotFound):
        await world.core.invitations.withdraw(stranger, "default", invitation.id)
    with pytest.raises(InvitationNotFound):
        await world.core.invitations.withdraw(stranger, "other", invitation.id)


async def test_where_nobody_signs_up_an_invitation_makes_no_account(
    world: World, resolver: PretendedResolver, keyring: Keyring
) -> None:
    workshop, admission = a_workshop(resolver, keyring), an_admission(sign_up=SignUp.OFF)
    closed: Core = core.build(world.store, world.clock, workshop, observe=lambda _: None, admission=admission)
    token = await invited(world)
    with pytest.raises(SignUpClosed):
        await closed.invitations.accept_new(token, "Eve", PASSWORD)
    await world.user(EVE)
    await closed.invitations.accept(await world.session(EVE), token)


async def test_it_is_all_in_the_audit_log_without_the_token(world: World) -> None:
    token = await invited(world)
    await world.core.invitations.accept_new(token, "Eve", PASSWORD)
    default = await world.core.organizations.resolve("default")
    async with world.store.read() as tx:
        entries = await tx.audit.following(default.id, 0, 200)
    assert [entry.action for entry in entries][-2:] == ["invitation.created", "member.added"]
    assert token not in str(entries)


async def test_of_many_who_come_at_once_with_one_token_one_comes_in(world: World) -> None:
    token, ends = await invited(world), list[str]()

    async def come(name: str) -> None:
        try:
            await world.core.invitations.accept_new(token, name, PASSWORD)
            ends.append("in")
        except (InvitationNotFound, NameTaken) as error:
            ends.append(error.code)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(come, f"Eve {number}")
    assert len(ends) == 8
    assert ends.count("in") == 1
