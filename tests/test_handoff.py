"""Handing over: in order, each item to one thread, and nothing left behind."""

import sys
import threading
from pathlib import Path

import pytest

from jinba_mcp.handoff import Handoff

WITHIN_S = 60


def test_what_is_put_first_is_got_first() -> None:
    handoff: Handoff[int] = Handoff()
    for number in range(5):
        handoff.put(number)
    assert [handoff.get() for _ in range(5)] == list(range(5))


def test_each_item_goes_to_one_of_the_threads_that_wait() -> None:
    handoff: Handoff[int | None] = Handoff()
    got: list[list[int]] = [[] for _ in range(4)]

    def take(mine: list[int]) -> None:
        while (item := handoff.get()) is not None:
            mine.append(item)

    threads = [threading.Thread(target=take, args=(mine,), daemon=True) for mine in got]
    for thread in threads:
        thread.start()
    for number in range(1_000):
        handoff.put(number)
    for _ in threads:
        handoff.put(None)
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    assert sorted(number for mine in got for number in mine) == list(range(1_000))
    assert all(mine == sorted(mine) for mine in got)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_pipe_goes_with_it() -> None:
    before = _pipes()
    handoff: Handoff[int] = Handoff()
    assert len(_pipes() - before) == 1
    del handoff
    assert _pipes() <= before


def _pipes() -> set[str]:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {name for name in (str(link.readlink()) for link in links if link.is_symlink()) if name.startswith("pipe:")}
