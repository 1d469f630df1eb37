"""Sessions on both databases."""

from datetime import datetime, timedelta
from typing import Any

from jinba_mcp.domain import ids
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.sessions import IDLE_LIFETIME, MAX_PER_USER, Session
from jinba_mcp.domain.users import User
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_digest, a_user, moment


def a_session(user_id: UserId, at: datetime = NOW, **changes: Any) -> Session:
    return Session(
        id=ids.session_id(at), user_id=user_id, client="pytest", address="127.0.0.1", created_at=at, last_used_at=at
    ).model_copy(update=changes)


async def stored_user(store: Store, email: str = "alice@example.com") -> User:
    user = a_user(email)
    async with store.begin() as tx:
        await tx.users.add(user)
    return user


async def test_a_session_is_found_by_its_digest_and_by_its_user(store: Store) -> None:
    user, other = await stored_user(store), await stored_user(store, "bob@example.com")
    session, digest = a_session(user.id), a_digest()
    async with store.begin() as tx:
        await tx.sessions.add(session, digest)
    async with store.read() as tx:
        assert await tx.sessions.find_by_digest(digest) == await tx.sessions.find(user.id, session.id) == session
        assert await tx.sessions.find_by_digest(a_digest()) is None
        assert await tx.sessions.find(other.id, session.id) is None
        assert (await tx.sessions.page(user.id, NOW, PageRequest())).items == (session,)
        assert (await tx.sessions.page(other.id, NOW, PageRequest())).items == ()


async def test_a_session_is_ended_by_its_own_user_only_and_moves_the_generation(store: Store) -> None:
    user, other = await stored_user(store), await stored_user(store, "bob@example.com")
    session = a_session(user.id)
    async with store.begin() as tx:
        await tx.sessions.add(session, a_digest())
    before = await store.generation()
    async with store.begin() as tx:
        assert not await tx.sessions.remove(other.id, session.id)
        assert await tx.sessions.remove(user.id, session.id)
        assert not await tx.sessions.remove(user.id, session.id)
    assert await store.generation() > before


async def test_all_but_one_can_be_ended(store: Store) -> None:
    user, other = await stored_user(store), await stored_user(store, "bob@example.com")
    sessions = [a_session(user.id, moment(n)) for n in range(3)]
    theirs = a_session(other.id)
    async with store.begin() as tx:
        for session in (*sessions, theirs):
            await tx.sessions.add(session, a_digest())
        assert await tx.sessions.remove_all(user.id, but=sessions[1].id) == 2
    async with store.read() as tx:
        assert (await tx.sessions.page(user.id, NOW, PageRequest())).items == (sessions[1],)
        assert (await tx.sessions.page(other.id, NOW, PageRequest())).items == (theirs,)


async def test_a_use_is_noted_and_never_goes_back(store: Store) -> None:
    user = await stored_user(store)
    session = a_session(user.id)
    async with store.begin() as tx:
        await tx.sessions.add(session, a_digest())
    before = await store.generation()
    for at in (moment(90), moment(60)):
        async with store.begin() as tx:
            await tx.sessions.touch_last_used(session.id, at)
    async with store.read() as tx:
        found = await tx.sessions.find(user.id, session.id)
    assert found is not None
    assert found.last_used_at == moment(90)
    assert await store.generation() == before


async def test_a_user_has_so_many_sessions_and_no_expired_ones(store: Store) -> None:
    user = await stored_user(store)
    async with store.begin() as tx:
        for number in range(MAX_PER_USER + 2):
            await tx.sessions.add(a_session(user.id, moment(number)), a_digest())
    async with store.read() as tx:
        page = await tx.sessions.page(user.id, NOW, PageRequest(limit=200))
    assert len(page.items) == MAX_PER_USER
    assert page.items[0].created_at == moment(MAX_PER_USER + 1)
    async with store.begin() as tx:
        await tx.sessions.add(a_session(user.id, NOW + IDLE_LIFETIME + timedelta(days=1)), a_digest())
    async with store.read() as tx:
        assert len((await tx.sessions.page(user.id, NOW, PageRequest())).items) == 1
