"""Starting zygotes, and what is left when they end."""

import asyncio
import errno
import functools
import os
import resource
import select
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.local import zygotes
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.plans import Planner
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Blueprint, Ended, Nursery, Zygote

from .conftest import Running

BUNDLE = Bundle(digest="sha256:1", toolset="greeting-tools", language="python")


@pytest.fixture
async def blueprint(running: Running, cache_dir: Path) -> Blueprint:
    async with running():
        pass
    planner = Planner(cache_dir, Tier.NAMESPACES, Python.own(), typescript=None, has_egress=False)
    return planner.blueprint(BUNDLE, None, ())


def _setup(code: str, **limits: int) -> Setup:
    return Setup(Program(bundle=BUNDLE, tool="greet", entrypoint="run", code=code), Limits(**limits))


class Deaths:
    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.dead: list[Nursery] = []

    def __call__(self, nursery: Nursery) -> None:
        self.dead.append(nursery)
        self.came.set()


async def test_a_zygote_is_one_thread_and_another_user(blueprint: Blueprint) -> None:
    deaths = Deaths()
    zygote = await zygotes.start(blueprint, deaths)

    status = Path(f"/proc/{zygote.pid}/status").read_text()  # noqa: ASYNC240  a file of the kernel's
    uid = int(status.split("Uid:")[1].split()[0])
    assert zygote.thread_count == 1
    assert (uid == os.geteuid()) == (os.geteuid() != 0)
    zygote.kill()
    await asyncio.wait_for(deaths.came.wait(), 60)
    assert deaths.dead == [zygote]


async def test_a_retired_zygote_ends_with_its_last_worker(blueprint: Blueprint) -> None:
    deaths = Deaths()
    zygote = await zygotes.start(blueprint, deaths)
    zygote._workers[1] = print

    zygote.retire()
    assert zygote.is_alive
    zygote.let_go(1)

    await asyncio.wait_for(deaths.came.wait(), 60)
    assert not zygote.is_alive


async def test_the_workers_of_a_zygote_that_dies_are_told(blueprint: Blueprint) -> None:
    deaths, told = Deaths(), list[Ended]()
    zygote = await zygotes.start(blueprint, deaths)
    zygote._workers[1] = told.append

    zygote.kill()

    await asyncio.wait_for(deaths.came.wait(), 60)
    assert told == [Ended()]


NONSENSE = (
    b"no JSON",
    b"[1]",
    b"{}",
    b'{"ended": "x"}',
    b'{"ended": [1e999, 1, 1]}',
    b'{"ended": [[], 1, 1]}',
    b'{"unborn": []}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_from_a_zygote_ends_it(blueprint: Blueprint, nonsense: bytes) -> None:
    deaths = Deaths()
    zygote = await zygotes.start(blueprint, deaths)
    loop = asyncio.get_running_loop()
    loop.remove_reader(zygote.control.fileno())
    true_line = zygote.control
    zygote.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop.add_reader(zygote.control.fileno(), zygote.hear)

    theirs.send(nonsense)

    await asyncio.wait_for(deaths.came.wait(), 60)
    true_line.close()
    theirs.close()


async def test_orders_for_a_zygote_that_has_just_died_are_its_last(blueprint: Blueprint) -> None:
    deaths = Deaths()
    zygote = await zygotes.start(blueprint, deaths)
    zygote.process.kill()
    # Not through the loop, so that the zygote here knows nothing yet.
    os.waitid(os.P_PID, zygote.process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222  as said
    _wait_for_hang_up(zygote.control)

    with pytest.raises(ConnectionError):
        zygote.order(b"{}", (), lambda _ended: None)

    assert zygote.is_retired
    await asyncio.wait_for(deaths.came.wait(), 60)


def _wait_for_hang_up(control: socket.socket) -> None:
    poll = select.poll()
    poll.register(control, select.POLLHUP)
    poll.poll(60_000)


async def test_a_zygote_that_cannot_be_made_says_why(blueprint: Blueprint, tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  numbers
    broken = (
        replace(blueprint, root=tmp_path / "missing"),
        replace(blueprint, base=tmp_path),
        replace(blueprint, zygote_filter=b"\0" * 8),
    )

    for each in broken:
        with pytest.raises(SandboxUnavailable, match="could not be started"):
            await zygotes.start(each, Deaths())

    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  numbers


async def test_what_packages_may_take_up_is_limited_from_outside(running: Running) -> None:
    memory_bytes = 768 * 1024 * 1024
    big = f"def run() -> int:\n    return len(bytearray({memory_bytes}))"

    async with running(start=functools.partial(zygotes.start, memory_bytes=memory_bytes)) as engine:
        outcome = await engine.run(_setup(big, memory_bytes=memory_bytes), {})
        limits = {
            resource.prlimit(each.pid, resource.RLIMIT_DATA)
            for each in engine._homes._alive
            if isinstance(each, Zygote)
        }

    assert limits == {(memory_bytes, memory_bytes)}
    assert outcome.error is not None
    assert (outcome.error.name, "768 MiB" in outcome.error.message) == ("MemoryLimit", True)


@pytest.mark.parametrize("preimport", [(), ("numpy",)])
async def test_one_that_is_killed_each_time_ends_in_an_error(
    blueprint: Blueprint, preimport: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that import nothing are started until the time is up; of the others there are a few."""
    born = zygotes._born
    killed: list[int] = []

    def stillborn(blueprint: Blueprint, on_death: Any) -> tuple[Zygote, int]:
        zygote, complaints = born(blueprint, on_death)
        zygote.process.kill()
        killed.append(zygote.process.pid)
        return zygote, complaints

    monkeypatch.setattr(zygotes, "_born", stillborn)
    monkeypatch.setattr(zygotes, "START_TIMEOUT_S", 30.0 if preimport else 0.5)

    with pytest.raises(SandboxUnavailable, match="killed while it was starting" if preimport else "in 0.5 s"):
        await zygotes.start(replace(blueprint, preimport=preimport), Deaths())

    assert len(killed) == 3 if preimport else killed


async def test_without_descriptors_none_is_started_and_none_are_lost(
    blueprint: Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  numbers

    for module, name in (("socket", "socketpair"), ("os", "pipe"), ("os", "pidfd_open")):
        with monkeypatch.context() as patch:
            patch.setattr(f"{module}.{name}", _no_descriptors)
            with pytest.raises(SandboxUnavailable, match="Too many open files"):
                await zygotes.start(blueprint, Deaths())

    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  numbers


def _no_descriptors(*_given: object) -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


async def test_a_start_that_is_cancelled_leaves_nothing(blueprint: Blueprint, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            made.append(self)

    monkeypatch.setattr("subprocess.Popen", Noted)
    start = asyncio.ensure_future(zygotes.start(blueprint, Deaths()))
    await asyncio.sleep(0)

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    assert made[0].returncode is not None


@pytest.mark.parametrize(("is_brokered", "message"), [(False, {"broker": True}), (True, {"other": True}), (True, {})])
def test_calls_are_answered_only_where_that_is_the_plan(*, is_brokered: bool, message: dict[str, Any]) -> None:
    reading, writing = os.pipe()
    zygote = SimpleNamespace(listener=None)

    zygotes._take_listener(cast("Zygote", zygote), message, [reading, writing], is_brokered=is_brokered)

    assert zygote.listener is None
    for descriptor in (reading, writing):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.close(descriptor)


def test_the_first_listener_is_kept_and_no_other_descriptor() -> None:
    pipes = [*os.pipe(), *os.pipe()]
    zygote = SimpleNamespace(listener=None)

    for descriptors in (pipes[:2], pipes[2:]):
        zygotes._take_listener(cast("Zygote", zygote), {"broker": True}, [*descriptors], is_brokered=True)

    assert zygote.listener.detach() == pipes[0]
    os.close(pipes[0])
    for descriptor in pipes[1:]:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.close(descriptor)
