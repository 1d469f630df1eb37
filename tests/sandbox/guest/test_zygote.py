"""What a zygote does with orders, and what of it a worker can find."""

import errno
import json
import os
import signal
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NoReturn

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.sandbox.guest import zygote as zygote_module
from jinba_mcp.sandbox.guest.zygote import Walls, Zygote
from jinba_mcp.sandbox.local.jobs import Job
from tests.sandbox.local.conftest import MakeSetup, Running


async def test_no_secret_of_an_earlier_run_is_in_a_workers_memory(running: Running, setup: MakeSetup) -> None:
    secret = "s3cret-" + "of-an-earlier-run"
    use = setup(
        "import os\ndef run(text: str) -> int:\n    return len(os.environ['TOKEN'] + text)", env=Env({"TOKEN": secret})
    )
    # /proc is not there, so that the search goes through all that the collector and the heap's own lists know.
    search = setup(
        """
        import gc, os
        def run(first: str, second: str) -> int:
            wanted = first + second
            found, seen, todo = 0, set(), list(gc.get_objects()) + [os.environ]
            while todo:
                item = todo.pop()
                if id(item) in seen or item is wanted:
                    continue
                seen.add(id(item))
                if isinstance(item, str) and wanted in item or isinstance(item, bytes) and wanted.encode() in item:
                    found += 1
                todo.extend(gc.get_referents(item))
            return found
        """,
        timeout_s=30,
    )

    async with running() as engine:
        used = await engine.run(use, {"text": secret})
        found = await engine.run(search, {"first": secret[:7], "second": secret[7:]})

    assert used.output == 2 * len(secret)
    assert found.output == 0


async def test_many_kinds_of_orders_are_forgotten_and_still_served(running: Running, setup: MakeSetup) -> None:
    code = "def run() -> int:\n    return 1"

    async with running() as engine:
        outcomes = [await engine.run(setup(code, log_bytes=number), {}) for number in range(70)]

    assert {outcome.output for outcome in outcomes} == {1}


async def test_random_numbers_differ_from_run_to_run(running: Running, setup: MakeSetup) -> None:
    draw = setup("import random, uuid\ndef run() -> list:\n    return [random.random(), str(uuid.uuid4())]")

    async with running() as engine:
        drawn = [(await engine.run(draw, {})).output for _ in range(3)]

    assert len({str(each) for each in drawn}) == 3


class _Ended(Exception):
    """In place of the end of this very process."""


@pytest.fixture
def zygote(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Zygote, socket.socket]]:
    """A zygote in this process, which stays as it is; and the host's end of its line."""

    def end(status: int) -> NoReturn:
        raise _Ended(status)

    monkeypatch.setattr(zygote_module, "limit_all", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    monkeypatch.setattr(os, "_exit", end)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        made = Zygote(theirs, Walls(tier="none", program=b"", readable=(), executable=(), has_proc=False))
        yield made, ours


def test_a_worker_that_cannot_be_born_is_told_with_its_number(
    zygote: tuple[Zygote, socket.socket], monkeypatch: pytest.MonkeyPatch, setup: MakeSetup
) -> None:
    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no")

    made, host = zygote
    monkeypatch.setattr(os, "fork", refuse)
    for _ in range(2):
        host.send(Job(setup("def run() -> None: ..."), variables={}).order())
    host.shutdown(socket.SHUT_WR)

    with pytest.raises(_Ended):
        made.serve()

    assert [json.loads(host.recv(999)) for _ in range(2)] == [{"unborn": [number, errno.EAGAIN]} for number in (1, 2)]


@pytest.mark.parametrize(
    ("status", "used_s", "is_told"),
    [(0, 9.0, False), (7 << 8, 0.0, True), (signal.SIGKILL, 1.0, False), (signal.SIGKILL, 3.0, True), (11, 0.0, True)],
)
def test_only_an_end_that_the_host_did_not_bring_about_is_told(
    zygote: tuple[Zygote, socket.socket], monkeypatch: pytest.MonkeyPatch, status: int, used_s: float, *, is_told: bool
) -> None:
    made, host = zygote
    made._children[99] = (5, 2)
    usage = SimpleNamespace(ru_utime=used_s, ru_stime=0.0)
    waited = iter([(99, status, usage), (0, 0, usage)])
    monkeypatch.setattr(os, "wait4", lambda _pid, _options: next(waited))

    made._reap(signal.SIGCHLD, None)

    if is_told:
        assert json.loads(host.recv(999)) == {"ended": [5, status, used_s]}
    with pytest.raises(BlockingIOError):
        host.recv(999)
    assert made._children == {}


def test_a_zygote_without_a_host_ends(zygote: tuple[Zygote, socket.socket]) -> None:
    made, host = zygote
    host.close()

    with pytest.raises(_Ended):
        made._tell({})


def test_orders_are_kept_and_forgotten_when_they_are_too_many(
    zygote: tuple[Zygote, socket.socket], setup: MakeSetup
) -> None:
    made, _host = zygote
    orders = [Job(setup("", log_bytes=number), variables={}).order() for number in range(1, 66)]

    prepared = [made._prepared(order) for order in orders]

    assert made._orders == {orders[-1]: prepared[-1]}
