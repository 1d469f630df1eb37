"""Daemon threads: bounded, reused, counted until they end."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.sandbox.threads import Deliver, Job, Threads, Worker

Results: TypeAlias = "queue.SimpleQueue[object]"


@pytest.fixture
def results() -> Results:
    return queue.SimpleQueue()


@pytest.fixture
def pool() -> Iterator[Threads]:
    threads = Threads(1)
    yield threads
    threads.close()


def telling(results: Results, release: threading.Event | None = None) -> Job:
    def job(_worker: Worker) -> Deliver:
        thread = threading.current_thread()
        if release is not None:
            release.wait(60)
        return lambda: results.put(thread)

    return job


def test_a_thread_is_free_before_its_result_is_delivered(pool: Threads, results: Results) -> None:
    def next_job(_worker: Worker) -> Deliver:
        return lambda: pool.submit(telling(results))

    pool.submit(next_job)

    assert isinstance(results.get(timeout=60), threading.Thread)


def test_threads_are_reused_and_never_hold_the_process(pool: Threads, results: Results) -> None:
    pool.submit(telling(results))
    first = results.get(timeout=60)
    pool.submit(telling(results))

    assert results.get(timeout=60) is first
    assert isinstance(first, threading.Thread)
    assert first.daemon


def test_a_busy_pool_refuses_and_recovers(pool: Threads, results: Results) -> None:
    release = threading.Event()
    pool.submit(telling(results, release))
    assert pool.busy_count == 1
    with pytest.raises(LimitExceeded, match="All 1 threads"):
        pool.submit(telling(results))

    release.set()
    results.get(timeout=60)
    assert pool.busy_count == 0
    pool.submit(telling(results))
    results.get(timeout=60)


def test_a_system_without_threads_is_a_limit(pool: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(LimitExceeded, match="no more threads"):
        pool.submit(telling(queue.SimpleQueue()))

    assert pool.busy_count == 0


def test_a_closed_pool_takes_no_job_and_lets_its_threads_end(results: Results) -> None:
    pool = Threads(2)
    release = threading.Event()
    pool.submit(telling(results, release))
    pool.close()
    pool.close()
    with pytest.raises(ShuttingDown):
        pool.submit(telling(results))

    release.set()
    thread = results.get(timeout=60)
    assert isinstance(thread, threading.Thread)
    thread.join(60)
    assert not thread.is_alive()
    assert pool.busy_count == 0


def test_a_job_that_breaks_its_thread_frees_its_place(
    pool: Threads, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: Results = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda args: broken.put(args.thread))

    def breaks(_worker: Worker) -> Deliver:
        raise ZeroDivisionError

    pool.submit(breaks)
    thread = broken.get(timeout=60)
    assert isinstance(thread, threading.Thread)
    thread.join(60)
    pool.submit(telling(results))

    assert results.get(timeout=60) is not thread


def test_async_work_keeps_one_loop_for_a_thread() -> None:
    worker = Worker()

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    first = worker.run_async(loop(), lambda _cancel: None)
    second = worker.run_async(loop(), lambda _cancel: None)
    worker.close()

    assert first is second
    assert first.is_closed()


def test_async_work_can_be_cancelled_from_the_start() -> None:
    worker = Worker()

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        worker.run_async(forever(), lambda cancel: cancel())
    worker.close()


def test_cancelling_work_that_has_ended_does_nothing() -> None:
    worker = Worker()
    cancels: list[Callable[[], None]] = []

    async def nothing() -> int:
        return 1

    worker.run_async(nothing(), cancels.append)
    cancels[0]()
    assert worker.run_async(nothing(), cancels.append) == 1
    worker.close()
    cancels[0]()


def test_a_generator_left_open_is_closed() -> None:
    worker = Worker()
    closed = []

    async def numbers() -> object:
        try:
            yield 1
        finally:
            closed.append(True)

    async def take_one() -> object:
        generator = numbers()
        await anext(generator)  # type: ignore[call-overload]  # an async generator function, loosely typed
        return generator

    kept = worker.run_async(take_one(), lambda _cancel: None)
    assert kept is not None
    assert closed == [True]
    worker.close()
