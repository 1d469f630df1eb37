"""Several workers behind one port, with a program in their place that only says that it is there."""

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jinba_mcp.cli import workers
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.cli.workers import Workers
from jinba_mcp.settings import Settings

WITHIN_S = 60
COUNT = 2
STEADY = """
import json, os, sys
post = json.loads(sys.argv[1])
open(f"{post['metrics_folder']}/{os.getpid()}", "w").close()
os.write(post["ready_fd"], b"1")
os.read(post["life_fd"], 1)
"""
DEAF = STEADY + "import time\ntime.sleep(600)"
BROKEN = "import sys; sys.exit(3)"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAUSE_S", 0.0)


@pytest.fixture
def listeners() -> Iterator[Sequence[socket.socket]]:
    with workers.listening("127.0.0.1", 0, COUNT) as opened:
        yield opened


class Crowd:
    """Workers that are served, and the processes that have said that they are there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.was_interrupted: bool | None = None

    @property
    def risen(self) -> set[int]:
        """All that ever were."""
        return {int(path.name) for path in self._folder.iterdir()}

    @property
    def living(self) -> set[int]:
        return {pid for pid in self.risen if _is_running(pid)}


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def becomes(is_so: Callable[[], bool]) -> None:
    while True:
        if is_so():
            return
        await anyio.sleep(0.01)


@asynccontextmanager
async def serving(
    listeners: Sequence[socket.socket], folder: Path, program: str = STEADY, **settings: Any
) -> AsyncIterator[Crowd]:
    """Served for as long as the block runs, or until a signal comes; then nobody is left."""
    crowd, is_ready = Crowd(folder), anyio.Event()
    served = Workers(Settings(**settings), listeners, folder, (sys.executable, "-c", program))

    async def serve() -> None:
        crowd.was_interrupted = await served.serve(is_ready.set)

    with anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            await is_ready.wait()
            yield crowd
            if crowd.was_interrupted is None:
                tasks.cancel_scope.cancel()
    assert crowd.living == set()


def test_each_worker_has_a_socket_on_the_one_port() -> None:
    with workers.listening("127.0.0.1", 0, 3) as opened:
        assert len({listener.getsockname() for listener in opened}) == 1
        assert len({listener.fileno() for listener in opened}) == (3 if sys.platform == "linux" else 1)


def test_workers_do_not_share_the_port_of_another_server() -> None:
    with workers.listening("127.0.0.1", 0, COUNT) as first, pytest.raises(Failed, match="in use"):  # noqa: SIM117  one line is too short for all
        with workers.listening("127.0.0.1", first[0].getsockname()[1], COUNT):
            pass


def test_where_sockets_of_a_port_do_not_share_its_connections_the_workers_share_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with workers.listening("127.0.0.1", 0, COUNT) as opened:
        assert len({listener.fileno() for listener in opened}) == 1


def test_on_windows_more_than_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(Misused, match="Windows"), workers.listening("127.0.0.1", 0, COUNT):
        pass


async def test_it_is_ready_when_all_of_them_are_and_ends_with_none_left(
    listeners: Sequence[socket.socket], tmp_path: Path
) -> None:
    async with serving(listeners, tmp_path) as crowd:
        assert len(crowd.living) == COUNT


@pytest.mark.parametrize(("number", "is_interruption"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
async def test_a_signal_ends_all_of_them(
    listeners: Sequence[socket.socket], tmp_path: Path, number: signal.Signals, *, is_interruption: bool
) -> None:
    async with serving(listeners, tmp_path) as crowd:
        signal.raise_signal(number)
        await becomes(lambda: crowd.was_interrupted is not None)
    assert crowd.was_interrupted is is_interruption


async def test_one_that_does_not_leave_is_killed_when_its_grace_is_over(
    listeners: Sequence[socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_AFTER_GRACE_S", 0.0)
    async with serving(listeners, tmp_path, DEAF, shutdown_grace_s=0) as crowd:
        assert len(crowd.living) == COUNT


async def test_one_that_dies_is_replaced(listeners: Sequence[socket.socket], tmp_path: Path) -> None:
    async with serving(listeners, tmp_path) as crowd:
        dead, other = crowd.living
        os.kill(dead, signal.SIGKILL)
        await becomes(lambda: len(crowd.risen) > COUNT and len(crowd.living) == COUNT)
        assert other in crowd.living


async def test_a_reload_replaces_each_of_them(listeners: Sequence[socket.socket], tmp_path: Path) -> None:
    async with serving(listeners, tmp_path) as crowd:
        before = crowd.living
        signal.raise_signal(signal.SIGHUP)
        await becomes(lambda: not crowd.living & before)
        assert len(crowd.living) == COUNT


async def test_a_worker_that_does_not_come_up_ends_the_server_with_a_word(
    listeners: Sequence[socket.socket], tmp_path: Path
) -> None:
    served = Workers(Settings(), listeners, tmp_path, (sys.executable, "-c", BROKEN))
    with anyio.fail_after(WITHIN_S), pytest.RaisesGroup(pytest.RaisesExc(Failed, match="did not come up")):
        await served.serve(lambda: None)
