"""Sessions: signing in, what a session may do, and how it ends."""

from datetime import timedelta

import pytest

from jinba_mcp.core.attempts import PER_ACCOUNT
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.passwords import Hasher, Verdict
from jinba_mcp.core.sessions import Credentials, Origin, Sessions
from jinba_mcp.domain import tokens
from jinba_mcp.domain.caller import CallerKind
from jinba_mcp.domain.errors import (
    LimitExceeded,
    OrganizationNotFound,
    SessionNeeded,
    SessionNotFound,
    SessionUnknown,
    SignInFailed,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import ALL_SCOPES, Role, Scope
from jinba_mcp.storage.store import Store
from tests.worlds import PASSWORD, World

ADA = "ada@example.com"
HERE = Origin("pytest/9 " + "x" * 300, "10.0.0.1")


async def signed_in(world: World, email: str = ADA) -> str:
    return (await world.core.sessions.sign_in(Credentials(email, PASSWORD), HERE)).token


async def test_a_session_acts_as_its_user_with_the_role_in_each_organization(world: World) -> None:
    user = await world.user(ADA, Role.MEMBER)
    await world.core.organizations.create(world.operator, "ada", "Ada", owner_email=ADA)
    opened = await world.core.sessions.sign_in(Credentials(ADA.upper(), PASSWORD), HERE)
    me = await world.core.sessions.authenticate(opened.token)
    assert (me.kind, me.user_id, me.session_id, me.key_id) == (CallerKind.SESSION, user.id, opened.session.id, None)
    scopes = {grant.organization_slug: grant.scopes for grant in me.grants}
    assert scopes == {"default": ALL_SCOPES - {Scope.ADMIN}, "ada": ALL_SCOPES}
    assert (opened.user, len(opened.session.client), opened.session.address) == (user, 200, "10.0.0.1")
    with pytest.raises(OrganizationNotFound):
        me.require("other", Scope.READ)


async def test_a_wrong_password_and_an_unknown_user_cannot_be_told_apart(world: World) -> None:
    await world.user(ADA)
    await world.core.organizations.create(world.operator, "bob", "", owner_email="bob@example.com")
    said = set()
    for email, password in [(ADA, "wrong"), ("nobody@example.com", PASSWORD), ("bob@example.com", PASSWORD), ("", "")]:
        with pytest.raises(SignInFailed) as refused:
            await world.core.sessions.sign_in(Credentials(email, password), HERE)
        said.add((refused.value.message, str(refused.value.details)))
    assert len(said) == 1


async def test_every_refusal_costs_one_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.user(ADA)
    costs = []
    verdict = Hasher._verdict

    def counted(self: Hasher, password: str, stored: str | None) -> object:
        costs.append((stored or self._nobodys).split("$")[1:4])
        return verdict(self, password, stored)

    monkeypatch.setattr(Hasher, "_verdict", counted)
    for email in (ADA, "nobody@example.com"):
        with pytest.raises(SignInFailed):
            await world.core.sessions.sign_in(Credentials(email, "wrong"), HERE)
    assert len(costs) == 2
    assert costs[0] == costs[1]


async def test_guessing_is_slowed_down_and_the_right_password_starts_anew(world: World) -> None:
    await world.user(ADA)
    for _ in range(PER_ACCOUNT.burst - 1):
        with pytest.raises(SignInFailed):
            await world.core.sessions.sign_in(Credentials(ADA, "wrong"), HERE)
    await signed_in(world)
    for _ in range(PER_ACCOUNT.burst):
        with pytest.raises(SignInFailed):
            await world.core.sessions.sign_in(Credentials(ADA, "wrong"), HERE)
    with pytest.raises(LimitExceeded):
        await signed_in(world)
    world.clock.advance(seconds=PER_ACCOUNT.refill_s)
    await signed_in(world)


async def test_a_weak_hash_is_made_stronger_at_sign_in(world: World) -> None:
    user = await world.user(ADA)
    stronger = Sessions(
        world.store, world.clock, Hasher(memory_kib=128, rounds=1), world.core.sessions._attempts, world.core.totp
    )
    await stronger.sign_in(Credentials(ADA, PASSWORD), HERE)
    async with world.store.read() as tx:
        stored = await tx.passwords.find(user.id)
    assert stored is not None
    assert "m=128" in stored.hash
    await signed_in(world)


async def test_only_the_digest_of_the_token_is_stored(world: World) -> None:
    await world.user(ADA)
    token = await signed_in(world)
    async with world.store.read() as tx:
        assert await tx.sessions.find_by_digest(token) is None
        assert await tx.sessions.find_by_digest(tokens.digest(token)) is not None


async def test_tokens_that_are_none_are_refused(world: World) -> None:
    for token in ("", "x", "x" * 43, "x" * 5_000, "\x00" * 43):
        with pytest.raises(SessionUnknown):
            await world.core.sessions.authenticate(token)


async def test_a_session_ends_after_two_weeks_without_use_and_lives_on_with_it(world: World) -> None:
    await world.user(ADA)
    idle, used = await signed_in(world), await signed_in(world)
    world.clock.advance(days=13)
    await world.core.sessions.authenticate(used)
    world.clock.advance(days=1)
    with pytest.raises(SessionUnknown):
        await world.core.sessions.authenticate(idle)
    for _ in range(5):
        await world.core.sessions.authenticate(used)
        world.clock.advance(days=13)
    await world.core.sessions.authenticate(used)
    world.clock.advance(days=12)
    with pytest.raises(SessionUnknown):
        await world.core.sessions.authenticate(used)


async def test_a_use_is_written_once_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.user(ADA)
    token, writes = await signed_in(world), 0
    begin = Store.begin

    def counted(store: Store) -> object:
        nonlocal writes
        writes += 1
        return begin(store)

    monkeypatch.setattr(Store, "begin", counted)
    for _ in range(10):
        world.clock.advance(seconds=30)
        await world.core.sessions.authenticate(token)
    assert writes == 5


async def test_signing_out_ends_this_session_on_the_next_request(world: World) -> None:
    await world.user(ADA)
    token, other = await signed_in(world), await signed_in(world)
    await world.core.sessions.sign_out(await world.core.sessions.authenticate(token))
    with pytest.raises(SessionUnknown):
        await world.core.sessions.authenticate(token)
    await world.core.sessions.authenticate(other)


async def test_ones_own_sessions_are_listed_and_ended_and_nobody_elses(world: World) -> None:
    await world.user(ADA)
    await world.user("bob@example.com")
    ada, bob = await world.session(ADA), await world.session("bob@example.com")
    world.clock.advance(seconds=1)
    again = await world.session(ADA)
    listed = await world.core.sessions.page(ada, PageRequest())
    assert [session.id for session in listed.items] == [again.session_id, ada.session_id]
    with pytest.raises(SessionNotFound):
        await world.core.sessions.end(ada, bob.session_id or "")
    await world.core.sessions.end(ada, again.session_id or "")
    session, user = await world.core.sessions.current(ada)
    assert (session.id, user.email) == (ada.session_id, ADA)
    with pytest.raises(SessionUnknown):
        await world.core.sessions.current(again)


async def test_expired_sessions_are_listed_no_longer(world: World) -> None:
    await world.user(ADA)
    idle, used = await signed_in(world), await signed_in(world)
    for days in (13, 1):
        world.clock.advance(days=days)
        ada = await world.core.sessions.authenticate(used)
    with pytest.raises(SessionUnknown):
        await world.core.sessions.authenticate(idle)
    listed = await world.core.sessions.page(ada, PageRequest())
    assert [session.id for session in listed.items] == [ada.session_id]


async def test_a_change_of_role_acts_on_the_next_request(world: World) -> None:
    user = await world.user(ADA, Role.MEMBER)
    token = await signed_in(world)
    await world.core.sessions.authenticate(token)
    await world.core.members.set_role(world.operator, "default", user.id, Role.ADMIN)
    assert Scope.ADMIN in (await world.core.sessions.authenticate(token)).scopes
    await world.core.members.remove(world.operator, "default", user.id)
    assert (await world.core.sessions.authenticate(token)).grants == ()


async def test_keys_have_no_sessions(world: World) -> None:
    await world.user(ADA, Role.ADMIN)
    for caller in (await world.key(Scope.ADMIN), await world.personal(ADA, Scope.ADMIN), world.operator):
        with pytest.raises(SessionNeeded):
            await world.core.sessions.page(caller, PageRequest())


async def test_a_session_makes_personal_keys_of_any_scope(world: World) -> None:
    await world.user(ADA)
    issued = await world.core.keys.issue_personal(
        await world.session(ADA), KeyTerms(name="mine", scopes=(Scope.ADMIN,))
    )
    assert (await world.core.keys.authenticate(issued.secret)).held == ALL_SCOPES


async def test_another_process_that_noted_a_use_keeps_the_session_alive_here(world: World) -> None:
    await world.user(ADA)
    opened = await world.core.sessions.sign_in(Credentials(ADA, PASSWORD), HERE)
    await world.core.sessions.authenticate(opened.token)
    async with world.store.begin() as tx:
        await tx.sessions.touch_last_used(opened.session.id, world.clock() + timedelta(days=10))
    world.clock.advance(days=20)
    await world.core.sessions.authenticate(opened.token)


async def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.user(ADA)
    verify = Hasher.verify

    async def overtaken(hasher: Hasher, password: str, stored: str | None) -> Verdict:
        verdict = await verify(hasher, password, stored)
        token = await world.core.passwords.issue_reset(world.operator, ADA)
        await world.core.passwords.reset(token, "seven-wild-geese-northward")
        return verdict

    monkeypatch.setattr(Hasher, "verify", overtaken)
    with pytest.raises(SignInFailed):
        await signed_in(world)
