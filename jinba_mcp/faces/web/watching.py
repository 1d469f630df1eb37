"""Watching the client while something runs for it, so that what nobody waits for any more is stopped."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")


async def run_unless_disconnected(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns; it is cancelled as soon as the client hangs up. The request's body must have been read.

    Raises:
        starlette.requests.ClientDisconnect: the client hung up first.
    """
    results: list[T] = []
    try:
        async with anyio.create_task_group() as tasks:
            watch = anyio.CancelScope()
            tasks.start_soon(_cancel_on_disconnect, receive, watch, tasks.cancel_scope)
            results.append(await work())
            watch.cancel()
    except ExceptionGroup as group:
        # Only the work raises, so there is one; its callers expect it as it was.
        raise group.exceptions[0] from group.exceptions[0].__cause__
    if not results:
        raise ClientDisconnect
    return results[0]


async def _cancel_on_disconnect(receive: Receive, watch: anyio.CancelScope, everything: anyio.CancelScope) -> None:
    with watch:
        while (await receive())["type"] != "http.disconnect":
            pass
        everything.cancel()
