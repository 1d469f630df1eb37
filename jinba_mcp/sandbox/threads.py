"""Daemon threads for tool code: bounded, kept warm, and never waited for when the process ends."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.handoff import Handoff

T = TypeVar("T")


class Worker:
    """What a job is given by the thread that it runs on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def run_async(self, work: Coroutine[Any, Any, T], on_start: Callable[[Callable[[], None]], None]) -> T:
        """Run `work` on this thread's own event loop and end every task that it leaves behind.

        `on_start` is given a function that cancels the work and may be called from any thread.
        """
        # The loop is kept because making one costs several times what a short tool does.
        loop = self._loop = self._loop or asyncio.new_event_loop()
        try:
            return loop.run_until_complete(_watched(work, on_start))
        finally:
            _end_tasks(loop)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.close()


Deliver: TypeAlias = Callable[[], None]
Job: TypeAlias = Callable[[Worker], Deliver]
"""Does its work and returns what hands the result over, which is called once the thread counts as free again."""


class Threads:
    """At most `capacity` jobs at once; one that never ends keeps its thread, and is counted, until the process ends."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._jobs: Handoff[Job | None] = Handoff()
        """None asks one idle thread to end."""
        self._started = 0
        self._idle = 0
        self._is_closed = False

    @property
    def busy_count(self) -> int:
        with self._lock:
            return self._started - self._idle

    def submit(self, job: Job) -> None:
        """Start `job` at once.

        Raises:
            LimitExceeded: every thread is busy.
            ShuttingDown: closed.
        """
        with self._lock:
            if self._is_closed:
                raise ShuttingDown
            if self._idle:
                self._idle -= 1
            elif self._started < self._capacity:
                self._start()
            else:
                raise LimitExceeded(
                    f"All {self._capacity} threads for tools are busy, some perhaps with runs that timed out but never "
                    "ended. Try again later."
                )
            # Under the lock, so that no thread is told to end while a job is on its way to it.
            self._jobs.add(job)
        self._jobs.wake()

    def close(self) -> None:
        """Let idle threads end; busy ones end after their job, and no new job is taken."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            for _ in range(self._started):
                self._jobs.put(None)

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name="tool", daemon=True).start()
        except RuntimeError as error:
            raise LimitExceeded("The system gives out no more threads. Try again later.") from error
        self._started += 1

    def _work(self) -> None:
        worker = Worker()
        try:
            self._take_jobs(worker)
        finally:
            with self._lock:
                self._started -= 1
            worker.close()

    def _take_jobs(self, worker: Worker) -> None:
        while (job := self._jobs.get()) is not None:
            deliver = job(worker)
            # Free first, deliver then: whoever gets the result may submit the next job at once.
            with self._lock:
                self._idle += 1
            deliver()
            # A thread that waits for its next job must not hold on to the last one's result.
            del job, deliver
        with self._lock:
            self._idle -= 1


async def _watched(work: Coroutine[Any, Any, T], on_start: Callable[[Callable[[], None]], None]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def cancel() -> None:
        # The work may have ended meanwhile, and its loop with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_cancel_pending, task)

    on_start(cancel)
    return await work


def _cancel_pending(task: asyncio.Task[Any] | None) -> None:
    if task is not None and not task.done():
        task.cancel()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
