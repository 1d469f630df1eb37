"""Second factors: from the first code to the last recovery code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import create_task_group

from jinba_mcp.core.attempts import PER_ACCOUNT
from jinba_mcp.core.passwords import totp_code
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.sessions import Credentials, Origin
from jinba_mcp.domain.errors import (
    FieldsInvalid,
    LimitExceeded,
    PasswordWrong,
    SessionNeeded,
    SignInFailed,
    TotpNeeded,
    TotpState,
)
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.transaction import Transaction
from tests.worlds import PASSWORD, World

ADA = "ada@example.com"


async def enabled(world: World) -> tuple[str, tuple[str, ...]]:
    """The secret and the recovery codes of Ada's second factor."""
    await world.user(ADA)
    me = await world.session(ADA)
    made = await world.core.totp.begin(me, PASSWORD)
    codes = await world.core.totp.confirm(me, totp_code(made.secret, world.clock()))
    world.clock.advance(minutes=2)
    return made.secret, codes


async def sign_in(world: World, code: str | None) -> None:
    await world.core.sessions.sign_in(Credentials(ADA, PASSWORD, code), Origin("", None))


async def test_a_code_is_asked_for_from_the_first_one_on(world: World) -> None:
    await world.user(ADA)
    me = await world.session(ADA)
    assert not await world.core.totp.is_on(me)
    made = await world.core.totp.begin(me, PASSWORD)
    assert made.secret in made.uri
    await sign_in(world, None)
    assert not await world.core.totp.is_on(me)
    with pytest.raises(FieldsInvalid):
        await world.core.totp.confirm(me, "000000")
    await world.core.totp.confirm(me, totp_code(made.secret, world.clock()))
    assert await world.core.totp.is_on(me)
    with pytest.raises(TotpNeeded):
        await sign_in(world, None)


async def test_a_code_is_good_once(world: World) -> None:
    secret, _ = await enabled(world)
    code = totp_code(secret, world.clock())
    await sign_in(world, f"{code[:3]} {code[3:]}")
    with pytest.raises(SignInFailed):
        await sign_in(world, code)
    world.clock.advance(seconds=30)
    with pytest.raises(SignInFailed):
        await sign_in(world, code)
    await sign_in(world, totp_code(secret, world.clock()))


async def test_the_code_of_the_confirmation_is_used_up_as_well(world: World) -> None:
    await world.user(ADA)
    me = await world.session(ADA)
    made = await world.core.totp.begin(me, PASSWORD)
    code = totp_code(made.secret, world.clock())
    await world.core.totp.confirm(me, code)
    with pytest.raises(SignInFailed):
        await sign_in(world, code)


async def test_a_code_does_not_help_with_a_wrong_password(world: World) -> None:
    secret, _ = await enabled(world)
    with pytest.raises(SignInFailed):
        await world.core.sessions.sign_in(
            Credentials(ADA, "another-password", totp_code(secret, world.clock())), Origin("", None)
        )


async def test_each_recovery_code_is_good_once(world: World) -> None:
    _, codes = await enabled(world)
    await sign_in(world, codes[0].upper())
    for wrong in (codes[0], "", "not-a-code"):
        with pytest.raises(SignInFailed):
            await sign_in(world, wrong)
    await sign_in(world, codes[1])


async def test_it_is_removed_with_the_password_and_a_code(world: World) -> None:
    secret, codes = await enabled(world)
    opened = await world.core.sessions.sign_in(Credentials(ADA, PASSWORD, codes[0]), Origin("", None))
    me = await world.core.sessions.authenticate(opened.token)
    with pytest.raises(PasswordWrong):
        await world.core.totp.remove(me, "another-password", codes[1])
    with pytest.raises(FieldsInvalid):
        await world.core.totp.remove(me, PASSWORD, codes[0])
    await world.core.totp.remove(me, PASSWORD, totp_code(secret, world.clock()))
    await sign_in(world, None)
    with pytest.raises(TotpState):
        await world.core.totp.remove(me, PASSWORD, codes[1])


async def test_guessing_codes_is_slowed_down_for_who_is_signed_in_and_knows_the_password(world: World) -> None:
    _, codes = await enabled(world)
    opened = await world.core.sessions.sign_in(Credentials(ADA, PASSWORD, codes[0]), Origin("", None))
    me = await world.core.sessions.authenticate(opened.token)
    for _ in range(PER_ACCOUNT.burst // 2):
        with pytest.raises(TotpState):
            await world.core.totp.begin(me, PASSWORD)
        with pytest.raises(FieldsInvalid):
            await world.core.totp.remove(me, PASSWORD, "not-a-code")
    with pytest.raises(LimitExceeded):
        await world.core.totp.remove(me, PASSWORD, codes[1])
    with pytest.raises(LimitExceeded):
        await sign_in(world, codes[1])
    world.clock.advance(seconds=PER_ACCOUNT.refill_s)
    await world.core.totp.remove(me, PASSWORD, codes[1])


async def test_a_second_one_is_not_set_up_over_the_first(world: World) -> None:
    _, codes = await enabled(world)
    opened = await world.core.sessions.sign_in(Credentials(ADA, PASSWORD, codes[0]), Origin("", None))
    me = await world.core.sessions.authenticate(opened.token)
    with pytest.raises(TotpState):
        await world.core.totp.begin(me, PASSWORD)
    with pytest.raises(TotpState):
        await world.core.totp.confirm(me, "123456")


async def test_a_key_sets_up_nothing(world: World) -> None:
    await world.user(ADA, Role.ADMIN)
    key = await world.personal(ADA, Scope.ADMIN)
    with pytest.raises(SessionNeeded):
        await world.core.totp.begin(key, PASSWORD)


async def test_the_secret_is_sealed_and_follows_the_servers_new_key(world: World, keyring: Keyring) -> None:
    secret, _ = await enabled(world)
    async with world.store.read() as tx:
        before = (await tx.totp.following("", 1))[0]
    assert secret not in before.sealed
    assert (await world.core.env.rotate(world.operator)).resealed_count == 1
    async with world.store.read() as tx:
        after = (await tx.totp.following("", 1))[0]
    assert after.sealed != before.sealed
    assert keyring.is_current(after.sealed, f"totp/{after.user_id}")
    await sign_in(world, totp_code(secret, world.clock()))
    assert await world.core.totp.reseal() == 0


async def test_a_secret_that_waits_to_be_stored_while_the_servers_key_is_rotated_opens_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.user(ADA)
    me = await world.session(ADA)
    begin = Store.begin

    @asynccontextmanager
    async def overtaken(store: Store) -> AsyncIterator[Transaction]:
        monkeypatch.undo()
        await world.core.env.rotate(world.operator)
        async with begin(store) as tx:
            yield tx

    monkeypatch.setattr(Store, "begin", overtaken)
    made = await world.core.totp.begin(me, PASSWORD)
    await world.core.totp.confirm(me, totp_code(made.secret, world.clock()))


@pytest.mark.parametrize("kind", ["code", "recovery code"])
async def test_of_many_who_come_at_once_with_one_code_one_comes_in(world: World, kind: str) -> None:
    secret, codes = await enabled(world)
    code = totp_code(secret, world.clock()) if kind == "code" else codes[0]
    ends = list[bool]()

    async def come() -> None:
        try:
            await sign_in(world, code)
            ends.append(True)
        except SignInFailed:
            ends.append(False)

    async with create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(come)
    assert sorted(ends) == [False] * 7 + [True]
