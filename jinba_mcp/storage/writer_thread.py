"""A thread that does one thing after the other for an event loop, which may do others meanwhile."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jinba_mcp.handoff import Handoff

T = TypeVar("T")


class WriterThread:
    """As an executor with one thread, at a third of what that costs for each job."""

    def __init__(self, name: str) -> None:
        self._jobs: Handoff[Callable[[], None] | None] = Handoff()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` returns or raises. It is done also if nobody waits for that any more."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                settle = partial(_succeed, done, work())
            except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
                settle = partial(_fail, done, error)
            # The loop may have ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle)

        self._jobs.put(job)
        return done

    def close(self) -> None:
        """Finish what was given; waits for that."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # Who waits must not hold on to what is done.


def _succeed(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[T], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
