"""The thread that writes: one thing after the other, to its end, whoever waits for it."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import anyio
import pytest

from jinba_mcp.storage.writer_thread import WriterThread

WITHIN_S = 60


@pytest.fixture
def writer() -> Iterator[WriterThread]:
    made = WriterThread("writes")
    yield made
    made.close()


async def test_it_returns_and_raises_what_the_work_does(writer: WriterThread) -> None:
    with anyio.fail_after(WITHIN_S):
        assert await writer.run(lambda: threading.current_thread().name) == "writes"
        with pytest.raises(ZeroDivisionError):
            await writer.run(lambda: 1 // 0)


async def test_work_is_done_in_order_and_never_at_once(writer: WriterThread) -> None:
    done: list[int] = []
    is_working = threading.Lock()

    def work(number: int) -> None:
        assert is_working.acquire(blocking=False)
        done.append(number)
        is_working.release()

    with anyio.fail_after(WITHIN_S):
        await asyncio.gather(*(writer.run(partial(work, number)) for number in range(100)))
    assert done == list(range(100))


async def test_what_nobody_waits_for_any_more_is_done_all_the_same(writer: WriterThread) -> None:
    may_go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        assert may_go_on.wait(WITHIN_S)
        done.set()

    with anyio.fail_after(WITHIN_S):
        waiting = writer.run(work)
        waiting.cancel()
        may_go_on.set()
        assert await writer.run(lambda: "next") == "next"
    assert done.is_set()


async def test_closing_finishes_what_was_given() -> None:
    writer, done = WriterThread("writes"), threading.Event()
    given = writer.run(done.set)
    writer.close()
    assert done.is_set()
    await given


def test_the_end_of_the_loop_does_not_end_the_thread(writer: WriterThread) -> None:
    may_go_on = threading.Event()

    async def leave() -> None:
        writer.run(lambda: may_go_on.wait(WITHIN_S))

    async def come_back() -> str:
        return await writer.run(lambda: "there")

    asyncio.run(leave())
    may_go_on.set()
    assert asyncio.run(come_back()) == "there"
