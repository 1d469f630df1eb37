"""Watching the client while something runs for it, so that what nobody waits for any more is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

_WATCH_AFTER_S = 0.1
"""Until then it costs more to watch a client than to finish for one that is gone."""
_PING_EVERY_S = 15.0


class Watch:
    """A block that is left early, without an error, when the client hangs up. The request's body must have been read.

    `ping` is called now and then in a block that takes long, so that no proxy takes the silence for death.
    """

    def __init__(self, receive: Receive, ping: Callable[[], Awaitable[None]] | None = None) -> None:
        self._receive = receive
        self._ping = ping
        self._scope = anyio.CancelScope()
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin)
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        return bool(self._scope.__exit__(kind, error, trace))

    def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while not await self._is_gone():
            pass
        self._scope.cancel()

    async def _is_gone(self) -> bool:
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
    with Watch(receive):
        return await work()
    raise ClientDisconnect
