"""Watching the client while something runs for it, so that what nobody waits for any more is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

_WATCH_AFTER_S = 0.1
"""Until then it costs more to watch a client than to finish for one that is gone."""
_PING_EVERY_S = 15.0


class Watch:
    """A block in which `leave` is called when the client hangs up. The request's body must have been read.

    It is called again, now and then, until it says that there was something to leave, or the block ends. `ping` is
    called now and then in a block that takes long, so that no proxy takes the silence for death.
    """

    def __init__(
        self, receive: Receive, leave: Callable[[], bool], ping: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._receive = receive
        self._leave = leave
        self._ping = ping
        self._watcher: asyncio.Task[None] | None = None
        self.is_gone = False
        """Whether the client has hung up."""

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while not await self._has_gone():
            pass
        self.is_gone = True
        while not self._leave():  # noqa: ASYNC110  nothing tells when there is
            await asyncio.sleep(_WATCH_AFTER_S)

    async def _has_gone(self) -> bool:
        if self._ping is None:
            return bool((await self._receive())["type"] == "http.disconnect")
        try:
            async with asyncio.timeout(_PING_EVERY_S):
                return bool((await self._receive())["type"] == "http.disconnect")
        except TimeoutError:
            await self._ping()
        return False


async def run_unless_disconnected(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns; it is cancelled as soon as the client hangs up. The request's body must have been read.

    Raises:
        starlette.requests.ClientDisconnect: the client hung up first.
    """
    with anyio.CancelScope() as scope:

        def leave() -> bool:
            scope.cancel()
            return True

        with Watch(receive, leave):
            return await work()
    raise ClientDisconnect
