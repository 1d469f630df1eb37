"""The host's end of a worker, against a worker that says whatever the test likes."""

import asyncio
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import HEADER, framed
from jinba_mcp.sandbox.local import workers
from jinba_mcp.sandbox.local.jobs import Job
from jinba_mcp.sandbox.local.replies import Lost
from jinba_mcp.sandbox.local.workers import Worker
from jinba_mcp.sandbox.local.zygotes import Ended, Told

from .conftest import MakeSetup

HELLO = framed(channel.HELLO, b"")
READY = framed(channel.READY, b"")
CODE = "def run() -> None: ..."


class Script:
    """A nursery whose workers are processes that write these bytes, wait for a frame, write those, and wait."""

    is_retired = False
    is_alive = True
    listener: socket.socket | Listener | None = None
    thread_count = 1

    def __init__(self) -> None:
        self.first, self.second = HELLO + READY, b""
        self.printed = b""
        self.delay_s = 0.0
        self.is_killed = False
        self.told: Told = lambda _ended: None
        self.let_go_of: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        self.told = told
        self.end()
        code = (
            "import os, sys, time; time.sleep(float(sys.argv[6]))\n"
            "fd = int(sys.argv[1]); os.write(int(sys.argv[2]), bytes.fromhex(sys.argv[5]))\n"
            "for each in sys.argv[3:5]:\n    os.write(fd, bytes.fromhex(each)); os.read(fd, 9999)"
        )
        passed = [str(each) for each in descriptors[:2]]
        said = [each.hex() for each in (self.first, self.second, self.printed)]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, *passed, *said, str(self.delay_s)], pass_fds=descriptors
        )
        return 7

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def let_go(self, number: int) -> None:
        self.let_go_of.append(number)

    def retire(self) -> None: ...

    def kill(self) -> None:
        self.is_killed = True

    def died(self) -> None: ...


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    # No nursery here tells how its workers end, unless a test does.
    monkeypatch.setattr(workers, "END_WAIT_S", 0.05)
    made = Script()
    yield made
    made.end()


async def armed(script: Script, setup: MakeSetup, *, is_compiling: bool = False, **limits: Any) -> Worker:
    worker = Worker(script, Job(setup(CODE, **limits), variables={}), is_compiling=is_compiling)
    ready: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
    worker.on_ready = ready.set_result
    return await asyncio.wait_for(ready, 60)


async def called(worker: Worker, **options: Any) -> Any:
    reply = await asyncio.wait_for(worker.call(channel.CALL, b"{}", **options), 60)
    worker.close()
    return reply


async def test_a_worker_is_known_by_what_the_kernel_says(script: Script, setup: MakeSetup) -> None:
    worker = await armed(script, setup)

    assert script.process is not None
    assert (worker.pid, worker.is_ready) == (script.process.pid, True)
    worker.close()
    assert script.process.wait(60) == -signal.SIGKILL
    assert script.let_go_of == [7]


async def test_an_answer_comes_with_what_was_printed(script: Script, setup: MakeSetup) -> None:
    script.second, script.printed = framed(channel.RESULT, b"answer"), b"hi\n"

    worker = await armed(script, setup)

    assert await called(worker) == b"answer"
    assert worker.stdout.lines() == ("hi",)


async def test_code_is_taken_only_before_any_of_the_tools_own_has_run(script: Script, setup: MakeSetup) -> None:
    script.first = HELLO + framed(channel.COMPILED, b"code") + READY
    worker = await armed(script, setup, is_compiling=True)
    assert worker.code == b"code"
    worker.close()

    for first in (HELLO + READY + framed(channel.COMPILED, b"code"), HELLO + 2 * framed(channel.COMPILED, b"x")):
        script.first = first
        forged = await armed(script, setup, is_compiling=True)
        assert await called(forged) == forged.lost
        assert forged.lost is not None
        assert forged.lost.why == "nonsense"


@pytest.mark.parametrize(
    "second",
    [
        b"nonsense",
        READY,
        HELLO,
        HEADER.pack(channel.RESULT, 0xFFFF_FFFF),
        HEADER.pack(channel.PROGRESS, 1_000_000),
    ],
)
async def test_what_is_no_frame_of_the_moment_ends_it(script: Script, setup: MakeSetup, second: bytes) -> None:
    script.second = second

    reply = await called(await armed(script, setup))

    assert isinstance(reply, Lost)
    assert reply.why == "nonsense"


async def test_progress_is_handed_on_and_does_no_harm_when_nobody_asked(script: Script, setup: MakeSetup) -> None:
    script.second = framed(channel.PROGRESS, b"[1,2,null]") * 3 + framed(channel.RESULT, b"x")
    seen: list[bytes] = []

    assert await called(await armed(script, setup), on_progress=seen.append) == b"x"
    assert await called(await armed(script, setup)) == b"x"
    assert seen == [b"[1,2,null]"] * 3


async def test_a_flood_of_progress_ends_it(script: Script, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.sandbox.local.workers._MAX_REPORTS", 10)
    script.second = framed(channel.PROGRESS, b"[]") * 11

    reply = await called(await armed(script, setup))

    assert isinstance(reply, Lost)
    assert reply.why == "nonsense"


async def test_a_silent_worker_is_ended_in_time(script: Script, setup: MakeSetup) -> None:
    worker = await armed(script, setup, timeout_s=5)
    worker._limits = worker._limits.model_copy(update={"timeout_s": 0.02})

    reply = await called(worker)

    assert isinstance(reply, Lost)
    assert (reply.why, reply.has_begun) == ("timeout", True)


async def test_a_dead_worker_is_told_apart_by_how_it_ended(script: Script, setup: MakeSetup) -> None:
    worker = await armed(script, setup)
    call = asyncio.ensure_future(called(worker))
    while not worker.run_count:  # noqa: ASYNC110  it tells nobody that it was called
        await asyncio.sleep(0)
    assert script.process is not None
    script.process.kill()
    script.told(Ended(signal.SIGXCPU, 1.5))
    # Its nursery dies too: what was said of this one stands.
    script.told(Ended())

    reply = await call

    assert reply == Lost("died", Ended(signal.SIGXCPU, 1.5))


async def test_a_call_that_reached_nobody_has_not_begun(script: Script, setup: MakeSetup) -> None:
    worker = await armed(script, setup)
    assert script.process is not None
    script.process.kill()
    script.process.wait()

    reply = await called(worker)

    assert isinstance(reply, Lost)
    assert (reply.why, reply.has_begun) == ("died", False)


async def test_closing_answers_who_waits(script: Script, setup: MakeSetup) -> None:
    worker = await armed(script, setup)
    call = asyncio.ensure_future(worker.call(channel.CALL, b"{}"))
    await asyncio.sleep(0)

    worker.close()

    reply = await call
    assert isinstance(reply, Lost)
    assert reply.why == "closed"


async def test_more_than_fits_the_socket_is_sent_bit_by_bit(setup: MakeSetup) -> None:
    script = Drain()
    worker = Worker(script, Job(setup(CODE), variables={}), is_compiling=False)
    worker.send(bytes(1_000_000))
    worker.send(b"end")

    received = await asyncio.to_thread(script.drained, 1_000_003)

    worker.close()
    assert received.endswith(b"\0end")


class Drain(Script):
    """Reads, in the test's own process."""

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        self.socket = socket.socket(fileno=os.dup(descriptors[0]))
        return 1

    def drained(self, count: int) -> bytes:
        with self.socket:
            received = b""
            while len(received) < count:
                received += self.socket.recv(65_536)
        return received


async def test_no_descriptor_is_left_when_none_can_be_ordered(setup: MakeSetup) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  numbers

    with pytest.raises(OSError, match="drowned"):
        Worker(Drowned(), Job(setup(CODE), variables={}), is_compiling=False)

    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  numbers


class Drowned(Script):
    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        raise OSError("drowned")


async def test_one_that_is_ended_before_it_was_heard_is_killed_all_the_same(script: Script, setup: MakeSetup) -> None:
    said = asyncio.Event()
    worker = Worker(script, Job(setup(CODE), variables={}), is_compiling=False)
    loop = asyncio.get_running_loop()
    # HELLO is there, and nobody reads it.
    loop.add_reader(worker._source, said.set)
    await asyncio.wait_for(said.wait(), 60)

    worker.close()

    assert script.process is not None
    assert script.process.wait(60) == -signal.SIGKILL


async def test_one_that_is_ended_before_it_says_anything_dies_of_saying_it(script: Script, setup: MakeSetup) -> None:
    script.delay_s = 0.2
    worker = Worker(script, Job(setup(CODE), variables={}), is_compiling=False)

    worker.close()

    assert script.process is not None
    assert script.process.wait(60) == 1


async def test_where_none_is_born_in_time_the_nursery_is_ended(
    script: Script, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "BIRTH_TIMEOUT_S", 0.05)
    script.delay_s = 60

    worker = await armed(script, setup)

    assert script.is_killed
    assert worker.lost == Lost("died", has_begun=False, was_loading=True)
    worker.close()


async def test_an_answer_that_came_while_the_loop_was_held_up_is_no_timeout(script: Script, setup: MakeSetup) -> None:
    script.second = framed(channel.RESULT, b"x" * 50_000)
    worker = await armed(script, setup, timeout_s=0.1)
    call = asyncio.ensure_future(called(worker))
    while not worker.run_count:  # noqa: ASYNC110  it tells nobody that it was called
        await asyncio.sleep(0)

    # What holds the loop up: the deadline passes, and the answer has come before it is looked at.
    _wait_for_bytes(worker._socket, len(script.second))
    time.sleep(0.1)  # noqa: ASYNC251  as said

    assert await call == b"x" * 50_000
    assert worker.lost is None or worker.lost.why == "closed"


def _wait_for_bytes(source: socket.socket, count: int) -> None:
    waiting = bytearray(4)
    until = time.monotonic() + 60
    while int.from_bytes(waiting, sys.byteorder) < count:
        assert time.monotonic() < until
        fcntl.ioctl(source, termios.FIONREAD, waiting)


async def test_without_descriptors_none_is_ordered_and_none_are_lost(
    script: Script, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208  numbers
    real, room = os.pipe, iter([True, False])

    def pipe() -> tuple[int, int]:
        if next(room, False):
            return real()
        raise OSError("no more")

    monkeypatch.setattr("os.pipe", pipe)
    with pytest.raises(OSError, match="no more"):
        Worker(script, Job(setup(CODE), variables={}), is_compiling=False)
    monkeypatch.setattr("socket.socketpair", pipe)
    with pytest.raises(OSError, match="no more"):
        Worker(script, Job(setup(CODE), variables={}), is_compiling=False)

    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208  numbers


async def test_one_that_was_gone_before_it_was_heard_has_begun(script: Script, setup: MakeSetup) -> None:
    worker = Worker(script, Job(setup(CODE), variables={}), is_compiling=False)
    ready: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
    worker.on_ready = ready.set_result
    poll = select.poll()
    poll.register(worker._socket, select.POLLIN)
    # Waited for without the loop, so that it is heard only after its end.
    poll.poll(60_000)
    script.end()

    await asyncio.wait_for(ready, 60)

    assert worker.lost == Lost("died", has_begun=True, was_loading=True)
    worker.close()


@pytest.mark.parametrize("is_alive", [True, False])
async def test_one_that_goes_while_it_loads_has_begun_unless_its_nursery_has_gone(
    script: Script, setup: MakeSetup, *, is_alive: bool
) -> None:
    script.first = HELLO
    worker = Worker(script, Job(setup(CODE), variables={}), is_compiling=False)
    ready: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
    worker.on_ready = ready.set_result
    async with asyncio.timeout(60):
        while channel.HELLO not in worker._seen:  # noqa: ASYNC110  what is looked at tells nobody
            await asyncio.sleep(0.001)
    script.is_alive = is_alive
    script.end()

    await asyncio.wait_for(ready, 60)

    assert worker.lost == Lost("died", has_begun=is_alive, was_loading=True)
    worker.close()
