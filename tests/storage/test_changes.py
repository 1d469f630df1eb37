"""The signal that wakes those who wait for a change."""

import asyncio

import anyio
import pytest

from jinba_mcp.storage.changes import ChangeSignal


async def test_news_of_an_older_generation_is_ignored() -> None:
    heard: list[int] = []
    signal = ChangeSignal(heard.append)
    for generation in (3, 2, 3, 5):
        signal.notice(generation)
    assert (signal.last, heard) == (5, [3, 5])


async def test_one_change_wakes_everyone_who_waits() -> None:
    signal = ChangeSignal()
    signal.notice(1)
    with anyio.fail_after(60):
        waiting = [asyncio.create_task(signal.wait(1)) for _ in range(3)]
        await asyncio.sleep(0)
        signal.notice(2)
        assert await asyncio.gather(*waiting) == [2, 2, 2]
        assert await signal.wait(1) == 2


async def test_one_who_gives_up_does_not_wake_or_stop_the_others() -> None:
    signal = ChangeSignal()
    with anyio.fail_after(60):
        waiting = [asyncio.create_task(signal.wait(-1)) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not waiting[1].done()
        signal.notice(7)
        assert await waiting[1] == 7


async def test_those_who_would_wait_in_vain_are_told() -> None:
    signal = ChangeSignal()
    with anyio.fail_after(60):
        waiting = asyncio.create_task(signal.wait(-1))
        await asyncio.sleep(0)
        signal.fail(ConnectionError("gone"))
        with pytest.raises(ConnectionError):
            await waiting
