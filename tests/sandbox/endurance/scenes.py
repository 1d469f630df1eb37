"""An engine looked at from inside, so that a test can strike at the right moment."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from jinba_mcp.domain.errors import SandboxUnavailable, ShuttingDown
from jinba_mcp.sandbox.engine import Outcome, OutcomeStatus, Setup
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.zygotes import Zygote
from tests.sandbox.endurance import census

QUICK = "def run() -> int:\n    return 42"
STAGES = {
    "arming": QUICK,
    "loading": "import time\nprint('begun', flush=True)\ntime.sleep(0.3)\ndef run() -> int:\n    return 42",
    "running": "import time\ndef run() -> int:\n    print('begun', flush=True)\n    time.sleep(0.3)\n    return 42",
    "answering": "def run() -> str:\n    return 'x' * 3_000_000",
}
"""What a run is doing when a test strikes, and a tool that spends its time with that."""
ANSWERS = (42, "x" * 3_000_000)
OURS, OTHERS = "sha256:1", "sha256:2"
_WAIT_S = 60.0
_GLANCE_S = 0.00005
"""Less than any of the stages lasts."""


class Scene:
    """One engine; `digest` is the version that a test strikes at."""

    def __init__(self, engine: LocalEngine, digest: str = OURS) -> None:
        self.engine = engine
        self.digest = digest

    @property
    def zygotes(self) -> list[Zygote]:
        """Those of the version."""
        alive = self.engine._homes._alive.items()
        return [each for each, digest in alive if digest == self.digest and isinstance(each, Zygote)]

    @property
    def workers(self) -> list[Any]:
        """Those that are arming, spare or busy, of any version."""
        pool = self.engine._pool
        kept = [worker for shelf in pool._shelves.values() for worker in (*shelf.arming, *shelf.spares)]
        return [*kept, *pool._busy]

    @property
    def spare_count(self) -> int:
        return sum(len(shelf.spares) for shelf in self.engine._pool._shelves.values())

    @property
    def has_only_spares(self) -> bool:
        """Whether there is a spare, and nothing that is yet to become one or is busy."""
        return bool(self.spare_count) and len(self.workers) == self.spare_count

    def processes(self) -> set[int]:
        """The workers of the version, as the machine sees them."""
        return {pid for zygote in self.zygotes for pid in census.descendants(zygote.pid)}

    def started(self, setup: Setup, count: int = 1) -> list["asyncio.Task[Outcome]"]:
        """So many runs, which have not got anywhere yet."""
        return [asyncio.ensure_future(self.engine.run(setup, {})) for _ in range(count)]

    async def reached(self, stage: str) -> None:
        """Until there is a run at this stage."""
        if stage == "starting":
            await until(lambda: census.descendants(os.getpid()))
        elif stage == "arming":
            await until(self.processes)
        elif stage == "answering":
            await until(lambda: any(len(worker._buffer) > 10_000 for worker in self.workers))
        else:
            await until(lambda: any(worker.stdout._parts for worker in self.workers))

    async def noticed(self, struck: set[int]) -> None:
        """Until these processes have ended, and the engine counts on none of them and makes no other."""
        await census.gone(struck)
        await until(lambda: len(self.workers) == self.spare_count and not struck & self._counted_on())

    def _counted_on(self) -> set[int]:
        return {each.pid for each in (*self.workers, *self.engine._homes._alive) if isinstance(each.pid, int)}

    async def empty(self) -> None:
        """Let go of everything, and wait until no process is left."""
        before = census.descendants(os.getpid())
        for digest in (OURS, OTHERS):
            await self.engine.discard(digest)
        await census.gone(before)

    def strike(self, pids: set[int], number: int = signal.SIGKILL) -> None:
        """Send all of them a signal; who is gone already is."""
        for pid in pids:
            strike(pid, number)


def strike(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; who is gone already is."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def until(is_so: Callable[[], object]) -> None:
    """Let the engine work until it is so."""
    async with asyncio.timeout(_WAIT_S):
        while not is_so():
            await asyncio.sleep(0)
            # A loop that only turns has the threads that start processes wait 5 ms for each of their steps.
            time.sleep(_GLANCE_S)  # noqa: ASYNC251  it has nothing else to do


async def fates(tasks: list["asyncio.Task[Outcome]"]) -> list[str]:
    """How runs ended: `right`, the name of an error, or that they were refused before they began."""
    async with asyncio.timeout(_WAIT_S):
        return [_fate(each) for each in await asyncio.gather(*tasks, return_exceptions=True)]


def _fate(ended: Outcome | BaseException) -> str:
    if isinstance(ended, Outcome):
        if ended.status is OutcomeStatus.SUCCESS:
            return "right" if ended.output in ANSWERS else f"wrong: {ended.output}"
        return str(ended.error and ended.error.name)
    if isinstance(ended, SandboxUnavailable | ShuttingDown | asyncio.CancelledError):
        return type(ended).__name__
    raise ended
