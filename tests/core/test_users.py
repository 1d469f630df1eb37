"""Users: signing up, renaming oneself, and what the operator does with them."""

import pytest

from jinba_mcp.core import core
from jinba_mcp.core.attempts import PER_ACCOUNT, PER_ADDRESS
from jinba_mcp.core.core import Core
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.users import NewUser, SignUp
from jinba_mcp.domain.errors import (
    ConfirmationInvalid,
    FieldsInvalid,
    KeyUnknown,
    LimitExceeded,
    NameTaken,
    OperatorNeeded,
    OrganizationNotFound,
    OwnerMustStay,
    PersonalKeyNeeded,
    ScopeMissing,
    SignInFailed,
    SignUpClosed,
    UserNotFound,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role, Scope
from tests.worlds import PASSWORD, PretendedResolver, World, a_workshop, an_admission

ADA = "ada@example.com"
NEW = NewUser(email=ADA, name="Ada", password=PASSWORD)


@pytest.fixture
def silent(world: World, resolver: PretendedResolver, keyring: Keyring) -> Core:
    """A core of the world that sends no mail."""
    workshop = a_workshop(resolver, keyring)
    return core.build(world.store, world.clock, workshop, observe=lambda _: None, admission=an_admission())


async def asked_to_confirm(world: World, wanted: NewUser = NEW) -> str:
    """The token that was mailed to who signed up."""
    assert await world.core.users.sign_up(wanted, None) is None
    await world.core.users.mail_confirmations()
    return world.mail.sent[-1].text.partition("The token: ")[2].partition("\n")[0]


async def test_whoever_signs_up_signs_in_once_the_address_is_confirmed(world: World) -> None:
    token = await asked_to_confirm(world)
    with pytest.raises(SignInFailed):
        await world.session(ADA)
    user = await world.core.users.confirm(token, PASSWORD, None)
    assert (user.email, user.name, user.verified_at) == (ADA, "Ada", world.clock())
    made = await world.core.organizations.create(await world.session(ADA), "ada", "Ada's")
    assert (await world.session(ADA)).require("ada", Scope.ADMIN) == made.id
    with pytest.raises(ConfirmationInvalid):
        await world.core.users.confirm(token, PASSWORD, None)


async def test_only_who_chose_the_password_confirms_and_only_for_a_day(world: World) -> None:
    token = await asked_to_confirm(world)
    for given, password in ((token, "another sentence nobody guesses"), ("x" * 43, PASSWORD)):
        with pytest.raises(ConfirmationInvalid):
            await world.core.users.confirm(given, password, None)
    world.clock.advance(hours=24)
    with pytest.raises(ConfirmationInvalid):
        await world.core.users.confirm(token, PASSWORD, None)
    await world.core.users.confirm(await asked_to_confirm(world), PASSWORD, None)


async def test_an_address_with_an_account_is_answered_alike_and_told_by_mail(world: World) -> None:
    await world.user(ADA)
    assert await world.core.users.sign_up(NEW.model_copy(update={"email": ADA.upper()}), None) is None
    await world.core.users.mail_confirmations()
    (letter,) = world.mail.sent
    assert (letter.to, "token:" in letter.text, "already" in letter.text) == (ADA, False, True)
    pending = await asked_to_confirm(world, NEW.model_copy(update={"email": "late@example.com"}))
    await world.user("late@example.com")
    with pytest.raises(NameTaken):
        await world.core.users.confirm(pending, PASSWORD, None)


async def test_one_address_is_mailed_only_so_often(world: World) -> None:
    for _ in range(PER_ACCOUNT.burst):
        await world.core.users.sign_up(NEW, None)
    with pytest.raises(LimitExceeded):
        await world.core.users.sign_up(NEW, None)


async def test_where_no_mail_is_sent_the_account_is_there_at_once(world: World, silent: Core) -> None:
    user = await silent.users.sign_up(NEW, "10.0.0.1")
    assert user is not None
    assert (user.email, user.name, user.verified_at) == (ADA, "Ada", None)
    me = await world.session(ADA)
    assert me.grants == ()
    made = await world.core.organizations.create(me, "ada", "Ada's")
    assert (await world.session(ADA)).require("ada", Scope.ADMIN) == made.id


async def test_an_address_signs_up_once(silent: Core) -> None:
    await silent.users.sign_up(NEW, None)
    with pytest.raises(NameTaken):
        await silent.users.sign_up(NEW.model_copy(update={"email": ADA.upper()}), None)


async def test_a_password_is_needed_and_no_first_guess(world: World) -> None:
    for password in (None, "short", "Ada-Ada-Ada-1"):
        with pytest.raises(FieldsInvalid):
            await world.core.users.sign_up(NEW.model_copy(update={"password": password}), None)


async def test_one_address_signs_up_only_so_often(world: World) -> None:
    for number in range(PER_ADDRESS.burst):
        with pytest.raises(FieldsInvalid):
            await world.core.users.sign_up(NewUser(email=f"u{number}@example.com", name="U", password="x"), "10.0.0.1")
    with pytest.raises(LimitExceeded):
        await world.core.users.sign_up(NEW, "10.0.0.1")
    await world.core.users.sign_up(NEW, "10.0.0.2")


@pytest.mark.parametrize("sign_up", [SignUp.INVITATION, SignUp.OFF])
async def test_where_it_is_not_open_nobody_signs_up(
    world: World, resolver: PretendedResolver, keyring: Keyring, sign_up: SignUp
) -> None:
    workshop, admission = a_workshop(resolver, keyring), an_admission(sign_up=sign_up)
    closed = core.build(world.store, world.clock, workshop, observe=lambda _: None, admission=admission)
    with pytest.raises(SignUpClosed):
        await closed.users.sign_up(NEW, None)


async def test_one_is_called_what_one_says(world: World) -> None:
    await world.user(ADA, Role.MEMBER)
    me = await world.session(ADA)
    assert (await world.core.users.rename(me, "Ada King")).name == "Ada King"
    found = await world.core.users.me(await world.personal(ADA, Scope.READ))
    assert found is not None
    assert found.name == "Ada King"
    assert await world.core.users.me(world.operator) is None
    with pytest.raises(ScopeMissing):
        await world.core.users.rename(await world.personal(ADA, Scope.READ), "A")
    with pytest.raises(PersonalKeyNeeded):
        await world.core.users.rename(await world.key(Scope.ADMIN), "A")


async def test_the_operator_makes_users_with_or_without_a_password_and_an_organization(world: World) -> None:
    plain = await world.core.users.add(world.operator, NewUser(email="b@example.com", name="B"))
    joined = await world.core.users.add(world.operator, NEW, "other", Role.OWNER)
    assert plain.verified_at == joined.verified_at == world.clock()
    assert (await world.session(ADA)).grants[0].organization_slug == "other"
    listed = await world.core.users.page(world.operator, PageRequest())
    assert {user.email for user in listed.items} == {"b@example.com", ADA}


async def test_what_cannot_be_made_whole_is_not_made(world: World) -> None:
    with pytest.raises(OrganizationNotFound):
        await world.core.users.add(world.operator, NEW, "nowhere")
    await world.user("owner@example.com", Role.OWNER)
    with pytest.raises(NameTaken):
        await world.core.users.add(world.operator, NEW, "default", Role.OWNER)
    assert len((await world.core.users.page(world.operator, PageRequest())).items) == 1


async def test_a_removed_user_is_out_at_once_and_the_keys_they_issued_stay(world: World) -> None:
    await world.user(ADA, Role.ADMIN)
    me = await world.session(ADA)
    mine = await world.core.keys.issue_personal(me, KeyTerms(name="mine"))
    theirs = await world.core.keys.issue(me, "default", KeyTerms(name="theirs"))
    await world.core.keys.authenticate(mine.secret)
    await world.core.users.remove(world.operator, ADA.upper())
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(mine.secret)
    await world.core.keys.authenticate(theirs.secret)
    with pytest.raises(UserNotFound):
        await world.core.users.remove(world.operator, ADA)


async def test_an_owner_is_not_removed(world: World) -> None:
    await world.user(ADA, Role.OWNER)
    with pytest.raises(OwnerMustStay):
        await world.core.users.remove(world.operator, ADA)


async def test_only_the_operator_sees_and_makes_users(world: World) -> None:
    for caller in (await world.key(Scope.ADMIN),):
        with pytest.raises(OperatorNeeded):
            await world.core.users.page(caller, PageRequest())
        with pytest.raises(OperatorNeeded):
            await world.core.users.add(caller, NEW)
        with pytest.raises(OperatorNeeded):
            await world.core.users.remove(caller, ADA)


async def test_no_password_is_in_the_audit_log(world: World) -> None:
    await world.core.users.confirm(await asked_to_confirm(world), PASSWORD, None)
    async with world.store.read() as tx:
        entries = await tx.audit.following(None, 0, 200)
        stored = await tx.passwords.find((await tx.users.get_by_email(ADA)).id)
    assert [entry.action for entry in entries] == ["user.created"]
    assert stored is not None
    assert PASSWORD not in str(entries)
    assert stored.hash not in str(entries)
