"""Passwords: hashes, changing and resetting, and what an attacker learns from trying."""

from datetime import UTC, datetime, timedelta

import pytest
from anyio import create_task_group

from jinba_mcp.core import core
from jinba_mcp.core.attempts import PER_ACCOUNT
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.passwords import Hasher, Verdict, new_totp_key, totp_code, totp_counter, totp_uri
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.sessions import Credentials, Origin
from jinba_mcp.core.users import NewUser
from jinba_mcp.domain.errors import (
    FieldsInvalid,
    KeyUnknown,
    LimitExceeded,
    OperatorNeeded,
    PasswordWrong,
    ResetInvalid,
    SessionNeeded,
    SessionUnknown,
    SignInFailed,
    Unavailable,
)
from jinba_mcp.domain.passwords import MAX_LENGTH
from jinba_mcp.domain.scopes import Role, Scope
from tests.storage.records import NOW
from tests.worlds import PASSWORD, PretendedResolver, World, a_workshop, an_admission

CHEAP = {"memory_kib": 64, "rounds": 1}
ANOTHER = "seven-wild-geese-northward"
ADA = "ada@example.com"


async def test_a_hash_is_argon2id_with_a_salt_and_opens_for_its_password_only() -> None:
    hasher = Hasher(**CHEAP)
    first, second = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert first != second
    assert (await hasher.verify(PASSWORD, first)).is_right
    assert not (await hasher.verify(ANOTHER, first)).is_right
    assert not (await hasher.verify(PASSWORD, None)).is_right


async def test_a_password_that_is_too_long_in_its_one_form_is_wrong_and_takes_as_long_as_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher, costs = Hasher(**CHEAP), list[str]()
    stored, verify = await hasher.hash(PASSWORD), hasher._argon2.verify

    def counted(password: str, hashed: str) -> bool:
        costs.append(hashed)
        return bool(verify(password, hashed))

    monkeypatch.setattr(hasher._argon2, "verify", counted)
    # One character, which NFKC makes eighteen of.
    for hashed in (stored, None):
        assert not (
            await hasher.verify("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * MAX_LENGTH, hashed)
        ).is_right
    assert costs == [stored, hasher._nobodys]


async def test_a_hash_of_today_costs_what_owasp_asks_for() -> None:
    assert (await Hasher().hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_an_unknown_user_costs_a_hash_of_the_same_parameters() -> None:
    hasher = Hasher()
    real = await hasher.hash(PASSWORD)
    assert hasher._nobodys.split("$")[:4] == real.split("$")[:4]
    assert len(hasher._nobodys) == len(real)


async def test_a_weaker_hash_comes_back_stronger_for_the_right_password_only() -> None:
    old, new = Hasher(**CHEAP), Hasher(memory_kib=128, rounds=1)
    stored = await old.hash(PASSWORD)
    verdict = await new.verify(PASSWORD, stored)
    assert verdict.is_right
    assert verdict.newer is not None
    assert "m=128" in verdict.newer
    assert (await new.verify(ANOTHER, stored)).newer is None
    assert (await new.verify(PASSWORD, verdict.newer)).newer is None


async def test_only_so_many_are_hashed_at_once_and_the_others_do_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher = Hasher(**CHEAP, at_once=1)
    await hasher._limiter.acquire_on_behalf_of("somebody")
    monkeypatch.setattr("jinba_mcp.core.passwords._PATIENCE_S", 0.01)
    with pytest.raises(Unavailable):
        await hasher.hash(PASSWORD)
    hasher._limiter.release_on_behalf_of("somebody")
    monkeypatch.undo()
    async with create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(hasher.hash, PASSWORD)


def test_codes_are_those_of_the_rfc() -> None:
    # RFC 6238, appendix B, with the last six digits of SHA-1's column; the secret is 12345678901234567890.
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for at, code in [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]:
        assert totp_code(key, datetime.fromtimestamp(at, UTC)) == code
        assert totp_counter(key, code, datetime.fromtimestamp(at, UTC), 0) == at // 30


def test_a_code_is_of_this_moment_give_or_take_one_and_not_before_the_last() -> None:
    key = new_totp_key()
    counter = int(NOW.timestamp()) // 30
    code = totp_code(key, NOW)
    assert totp_counter(key, code, NOW, 0) == counter
    assert totp_counter(key, code, NOW, counter) is None
    assert totp_counter(key, code, NOW + timedelta(seconds=30), 0) == counter
    assert totp_counter(key, code, NOW - timedelta(seconds=30), 0) == counter
    assert totp_counter(key, code, NOW + timedelta(seconds=61), 0) is None
    for junk in ("", "abc", "12345", "1234567"):
        assert totp_counter(key, junk, NOW, 0) is None
    assert totp_uri(key, "ada:x@example.com").startswith("otpauth://totp/Jinba%20MCP:adax")


async def test_a_change_asks_for_the_old_password_and_ends_the_other_sessions(world: World) -> None:
    await world.user(ADA)
    there = await world.session(ADA)
    here = await world.core.sessions.sign_in(Credentials(ADA, PASSWORD), Origin("here", None))
    me = await world.core.sessions.authenticate(here.token)
    with pytest.raises(PasswordWrong):
        await world.core.passwords.change(me, ANOTHER, ANOTHER)
    with pytest.raises(FieldsInvalid):
        await world.core.passwords.change(me, PASSWORD, "short")
    await world.core.passwords.change(me, PASSWORD, ANOTHER)
    assert (await world.core.sessions.authenticate(here.token)).session_id == me.session_id
    with pytest.raises(SessionUnknown):
        await world.core.sessions.current(there)
    with pytest.raises(SignInFailed):
        await world.session(ADA)
    await world.core.sessions.sign_in(Credentials(ADA, ANOTHER), Origin("", None))


async def test_a_change_that_a_reset_overtakes_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.user(ADA)
    stranger = await world.session(ADA)
    verify = Hasher.verify

    async def overtaken(hasher: Hasher, password: str, stored: str | None) -> Verdict:
        verdict = await verify(hasher, password, stored)
        await world.core.passwords.reset(await world.core.passwords.issue_reset(world.operator, ADA), ANOTHER)
        return verdict

    monkeypatch.setattr(Hasher, "verify", overtaken)
    with pytest.raises(PasswordWrong):
        await world.core.passwords.change(stranger, PASSWORD, "known-to-a-stranger-only")
    monkeypatch.undo()
    await world.core.sessions.sign_in(Credentials(ADA, ANOTHER), Origin("", None))


async def test_guessing_the_old_password_is_slowed_down_too(world: World) -> None:
    await world.user(ADA)
    me = await world.session(ADA)
    for _ in range(PER_ACCOUNT.burst):
        with pytest.raises(PasswordWrong):
            await world.core.passwords.change(me, ANOTHER, ANOTHER)
    with pytest.raises(LimitExceeded):
        await world.core.passwords.change(me, PASSWORD, ANOTHER)


async def test_a_personal_key_changes_no_password(world: World) -> None:
    await world.user(ADA, Role.ADMIN)
    with pytest.raises(SessionNeeded):
        await world.core.passwords.change(await world.personal(ADA, Scope.ADMIN), PASSWORD, ANOTHER)


async def test_a_printed_token_sets_a_password_once_and_ends_all_sessions(world: World) -> None:
    await world.user(ADA)
    me = await world.session(ADA)
    token = await world.core.passwords.issue_reset(world.operator, ADA)
    with pytest.raises(FieldsInvalid):
        await world.core.passwords.reset(token, "Ada-ada-ada-1")
    await world.core.passwords.reset(token, ANOTHER)
    with pytest.raises(ResetInvalid):
        await world.core.passwords.reset(token, ANOTHER)
    with pytest.raises(SessionUnknown):
        await world.core.sessions.current(me)
    await world.core.sessions.sign_in(Credentials(ADA, ANOTHER), Origin("", None))


async def test_a_token_is_good_for_an_hour_and_until_the_next_one(world: World) -> None:
    await world.user(ADA)
    first = await world.core.passwords.issue_reset(world.operator, ADA)
    second = await world.core.passwords.issue_reset(world.operator, ADA)
    world.clock.advance(minutes=60)
    for token in (first, second, "", "x" * 43):
        with pytest.raises(ResetInvalid):
            await world.core.passwords.reset(token, ANOTHER)


async def test_only_the_operator_prints_tokens(world: World) -> None:
    await world.user(ADA)
    with pytest.raises(OperatorNeeded):
        await world.core.passwords.issue_reset(await world.key(Scope.ADMIN), ADA)


async def test_a_wanted_token_is_mailed_to_who_is_there_and_asking_says_nothing(world: World) -> None:
    await world.user(ADA)
    for email in (ADA, "nobody@example.com"):
        await world.core.passwords.want_reset(email, "10.0.0.1")
    await world.core.passwords.mail_resets()
    assert [letter.to for letter in world.mail.sent] == [ADA]
    token = world.mail.sent[0].text.partition("The token: ")[2].partition("\n")[0]
    await world.core.passwords.reset(token, ANOTHER)


async def test_asking_for_tokens_is_slowed_down_and_mail_that_fails_disturbs_nobody(world: World) -> None:
    await world.user(ADA)
    world.mail.is_up = False
    for _ in range(PER_ACCOUNT.burst):
        await world.core.passwords.want_reset(ADA, "10.0.0.1")
    with pytest.raises(LimitExceeded):
        await world.core.passwords.want_reset(ADA.upper(), "10.0.0.2")
    await world.core.passwords.mail_resets()
    assert world.mail.sent == []


async def test_too_many_wishes_are_refused_before_they_fill_the_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.core.passwords._MAX_WANTED", 1)
    await world.core.passwords.want_reset(ADA, None)
    with pytest.raises(LimitExceeded):
        await world.core.passwords.want_reset("bob@example.com", None)


async def test_a_database_that_is_away_for_a_moment_ends_no_mailing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.user(ADA)

    async def away(_: str) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(world.core.passwords, "_mail_reset", away)
    await world.core.passwords.want_reset(ADA, None)
    await world.core.passwords.mail_resets()
    assert not world.core.passwords._wanted


async def test_without_a_mail_server_no_token_is_made_for_nobody_to_read(
    world: World, resolver: PretendedResolver, keyring: Keyring
) -> None:
    await world.user(ADA)
    silent = core.build(
        world.store, world.clock, a_workshop(resolver, keyring), observe=lambda _: None,
        admission=an_admission(None),
    )  # fmt: skip
    printed = await world.core.passwords.issue_reset(world.operator, ADA)
    await silent.passwords.want_reset(ADA, None)
    await silent.passwords.mail_resets()
    await silent.passwords.reset(printed, ANOTHER)


async def test_who_proves_an_address_takes_over_what_a_stranger_signed_up_with_it(
    world: World, resolver: PretendedResolver, keyring: Keyring
) -> None:
    workshop = a_workshop(resolver, keyring)
    silent = core.build(world.store, world.clock, workshop, observe=lambda _: None, admission=an_admission())
    await silent.users.sign_up(NewUser(email=ADA, name="A stranger", password=PASSWORD), None)
    stranger = await world.session(ADA)
    key = await world.core.keys.issue_personal(stranger, KeyTerms(name="hidden", scopes=(Scope.ADMIN,)))
    made = await world.core.totp.begin(stranger, PASSWORD)
    await world.core.totp.confirm(stranger, totp_code(made.secret, world.clock()))
    await world.core.passwords.reset(await world.core.passwords.issue_reset(world.operator, ADA), ANOTHER)
    with pytest.raises(KeyUnknown):
        await world.core.keys.authenticate(key.secret)
    await world.core.sessions.sign_in(Credentials(ADA, ANOTHER), Origin("", None))


async def test_a_proved_user_keeps_keys_and_second_factor_through_a_reset(world: World) -> None:
    await world.user(ADA, Role.MEMBER)
    key = await world.core.keys.issue_personal(world.operator, KeyTerms(name="mine"), email=ADA)
    await world.core.passwords.reset(await world.core.passwords.issue_reset(world.operator, ADA), ANOTHER)
    await world.core.keys.authenticate(key.secret)


async def test_of_many_who_come_at_once_with_one_token_one_sets_a_password(world: World) -> None:
    await world.user(ADA)
    token, ends = await world.core.passwords.issue_reset(world.operator, ADA), list[str]()

    async def come(password: str) -> None:
        try:
            await world.core.passwords.reset(token, password)
            ends.append(password)
        except ResetInvalid:
            ends.append("")

    async with create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(come, f"{ANOTHER}-{number}")
    (password,) = (each for each in ends if each)
    assert len(ends) == 6
    await world.core.sessions.sign_in(Credentials(ADA, password), Origin("", None))
