"""The connection that hears of changes on PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import asyncpg
import pytest

from jinba_mcp.storage.changes import ChangeSignal
from jinba_mcp.storage.listener import CHANNEL, ChangeListener, connect_to
from tests.databases import postgres_answers

pytestmark = pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL here")


@asynccontextmanager
async def listening(connect: Any) -> AsyncIterator[tuple[ChangeListener, ChangeSignal]]:
    signal = ChangeSignal()
    listener = ChangeListener(connect, signal)
    try:
        yield listener, signal
    finally:
        await listener.close()


async def test_a_notice_arrives_without_asking_for_it(postgres_url: str) -> None:
    async with listening(connect_to(postgres_url)) as (listener, signal):
        with anyio.fail_after(60):
            assert await signal.wait(-1) == 0
            assert listener.is_healthy
            connection = await asyncpg.connect(postgres_url)
            await connection.execute(f"NOTIFY {CHANNEL}, '41'")
            await connection.close()
            assert await signal.wait(0) == 41


async def test_a_change_without_a_notice_is_seen_by_looking(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.storage.listener._CHECK_S", 0.05)
    async with listening(connect_to(postgres_url)) as (_, signal):
        with anyio.fail_after(60):
            await signal.wait(-1)
            connection = await asyncpg.connect(postgres_url)
            await connection.execute("UPDATE generation SET value = 5")
            await connection.close()
            assert await signal.wait(0) == 5


async def test_a_listener_comes_back_when_its_connection_was_lost(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.storage.listener._CHECK_S", 0.05)
    attempts = 0

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionRefusedError
        return await asyncpg.connect(postgres_url)

    async with listening(connect) as (listener, signal):
        assert not listener.is_healthy
        with anyio.fail_after(60):
            assert await signal.wait(-1) == 0
    assert attempts == 3
    assert not listener.is_healthy
