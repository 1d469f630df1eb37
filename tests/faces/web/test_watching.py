"""Work that ends when nobody waits for it any more."""

from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect

from jinba_mcp.domain.errors import KeyMissing
from jinba_mcp.faces.web import watching
from jinba_mcp.faces.web.watching import Watch, run_unless_disconnected


async def never() -> Any:
    await anyio.sleep_forever()


async def test_the_result_comes_back() -> None:
    async def work() -> int:
        return 1

    with anyio.fail_after(60):
        assert await run_unless_disconnected(never, work) == 1


async def test_an_error_comes_as_it_was_raised() -> None:
    async def work() -> int:
        raise KeyMissing from ValueError("cause")

    with anyio.fail_after(60), pytest.raises(KeyMissing) as caught:
        await run_unless_disconnected(never, work)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_hang_up_cancels_the_work() -> None:
    cancelled: list[bool] = []
    messages = [{"type": "http.disconnect"}, {"type": "http.request"}]

    async def receive() -> Any:
        return messages.pop()

    async def work() -> int:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise
        return 1

    with anyio.fail_after(60), pytest.raises(ClientDisconnect):
        await run_unless_disconnected(receive, work)
    assert cancelled == [True]


async def test_work_that_ends_in_spite_of_a_hang_up_is_still_answered() -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def work() -> int:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
        return 2

    with anyio.fail_after(60):
        assert await run_unless_disconnected(receive, work) == 2


async def hung_up() -> Any:
    return {"type": "http.disconnect"}


async def test_what_has_not_begun_when_the_client_hangs_up_is_left_once_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_WATCH_AFTER_S", 0)
    asked, left = list[bool](), anyio.Event()

    def leave() -> bool:
        asked.append(len(asked) == 2)
        if asked[-1]:
            left.set()
        return asked[-1]

    with anyio.fail_after(60), Watch(hung_up, leave) as watch:
        await left.wait()
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
    assert asked == [False, False, True]
    assert watch.is_gone


async def test_nothing_is_left_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_WATCH_AFTER_S", 0)
    asked = list[bool]()

    def leave() -> bool:
        asked.append(False)
        return False

    with anyio.fail_after(60):
        with Watch(hung_up, leave):
            while not asked:
                await anyio.lowlevel.checkpoint()
        count = len(asked)
        await anyio.sleep(0.01)
    assert len(asked) == count
