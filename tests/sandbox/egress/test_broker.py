"""The broker, with a real process whose `connect` calls it answers."""

import asyncio
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress.broker import Broker, read_address
from jinba_mcp.sandbox.egress.inside import stand_ins
from jinba_mcp.sandbox.egress.notifications import Notification
from jinba_mcp.sandbox.egress.proxy import Proxy
from tests.sandbox.egress import notified
from tests.sandbox.egress.worlds import PUBLIC, Internet, Serve, Site, echo, hello

DB = "db.example.com"
POLICY = ("api.example.com", f"{DB}:5432")
STAND_IN = str(stand_ins(POLICY)[DB])


@dataclass
class Brokered:
    """A process, and the Internet that its broker knows."""

    internet: Internet
    broker: Broker
    process: asyncio.subprocess.Process
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def do(self, *command: Any) -> Any:
        """What a command of `notified.py` gave; an OSError is `{"errno": …}`."""
        self._writer.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(60):
            return json.loads(await self._reader.readline() or "null")


@asynccontextmanager
async def brokered(network: Network, *sites: tuple[str, int, Serve]) -> AsyncIterator[Brokered]:
    internet = Internet()
    ours, theirs = socket.socketpair()
    program = [sys.executable, "-I", str(Path(notified.__file__)), str(theirs.fileno())]
    process = await asyncio.create_subprocess_exec(*program, pass_fds=[theirs.fileno()])
    theirs.close()
    servers = []
    for address, port, serve in sites:
        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        internet.ports[address, port] = servers[-1].sockets[0].getsockname()[1]
    ours.settimeout(60)  # since a thread that waits for ever would hold up the end of the loop
    said, listeners, _, _ = await asyncio.to_thread(socket.recv_fds, ours, 1000, 1)
    if not listeners:
        ours.close()
        await process.wait()
        _cannot(said.decode().strip())
    proxy = Proxy(lookup=internet.lookup, connect=internet.connect)
    broker = Broker(listeners[0], network, proxy)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Brokered(internet, broker, process, reader, writer)
    finally:
        writer.close()
        async with asyncio.timeout(60):
            await process.wait()
        await broker.aclose()
        for server in servers:
            server.close()
            await server.wait_closed()


def _cannot(why: str) -> None:
    message = f"this machine allows no seccomp user notification: {why}"
    if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
        pytest.fail(message)
    pytest.skip(message)


async def test_a_host_of_the_policy_is_reached_by_the_address_that_stands_for_it() -> None:
    async with brokered(POLICY, (PUBLIC, 5432, echo)) as sandbox:
        sandbox.internet.answers[DB] = [[PUBLIC]]
        heard, peer, timeout_s, inheritable = await sandbox.do("exchange", STAND_IN, 5432, "hello ")
    assert heard == "hello bye"
    assert peer != [STAND_IN, 5432]
    assert timeout_s == 60
    assert not inheritable
    assert sandbox.internet.dialled == [(PUBLIC, 5432)]


async def test_sockets_wait_or_not_as_they_did_before() -> None:
    async with brokered(POLICY, (PUBLIC, 5432, echo)) as sandbox:
        sandbox.internet.answers[DB] = [[PUBLIC]]
        for timeout_s in (10, None):
            heard, _, kept_s, _ = await sandbox.do("exchange", STAND_IN, 5432, "x", timeout_s)
            assert (heard, kept_s) == ("xbye", timeout_s)


async def test_sockets_that_do_not_wait_work_too() -> None:
    async with brokered(POLICY, (PUBLIC, 5432, echo)) as sandbox:
        sandbox.internet.answers[DB] = [[PUBLIC]]
        assert await sandbox.do("exchange_asyncio", STAND_IN, 5432, 3_000_000) == [3_000_000, "bye"]


async def test_many_threads_are_served_at_once() -> None:
    async with brokered(POLICY, (PUBLIC, 5432, echo)) as sandbox:
        sandbox.internet.answers[DB] = [[PUBLIC]]
        heard = await sandbox.do("many", STAND_IN, 5432, 20)
    assert heard == sorted(f"{n}bye" for n in range(20))


async def test_the_proxy_is_where_it_always_is() -> None:
    async with brokered(POLICY, (PUBLIC, 80, Site(hello).serve)) as sandbox:
        sandbox.internet.answers["api.example.com"] = [[PUBLIC]]
        assert await sandbox.do("fetch", "http://api.example.com/", "http://127.0.0.1:3128") == [200, "hello"]


async def test_addresses_outside_the_policy_are_refused() -> None:
    outside = [
        (STAND_IN, 80),  # the name is open for one port
        ("198.18.0.77", 5432),  # stands for nothing
        ("1.1.1.1", 443),
        ("127.0.0.1", 22),
        ("127.0.0.1", 3129),
        ("127.0.0.2", 3128),
        ("169.254.169.254", 80),
        ("10.0.0.1", 5432),
        ("::1", 5432),
        ("::ffff:127.0.0.1", 5432),
    ]
    async with brokered(POLICY) as sandbox:
        for host, port in outside:
            assert await sandbox.do("exchange", host, port, "") == {"errno": errno.EACCES}, host
    assert sandbox.internet.dialled == []
    assert sandbox.internet.lookups == []


async def test_no_policy_opens_inner_addresses() -> None:
    async with brokered("on") as sandbox:
        for host in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:10.0.0.1", "fd00:ec2::254", "0.0.0.0"]:  # noqa: S104  to be refused
            assert await sandbox.do("exchange", host, 80, "") == {"errno": errno.EACCES}, host
    assert sandbox.internet.dialled == []


async def test_a_name_that_is_rebound_is_refused() -> None:
    async with brokered(POLICY, (PUBLIC, 5432, echo)) as sandbox:
        sandbox.internet.answers[DB] = [[PUBLIC], ["127.0.0.1"]]
        assert (await sandbox.do("exchange", STAND_IN, 5432, ""))[0] == "bye"
        assert await sandbox.do("exchange", STAND_IN, 5432, "") == {"errno": errno.EACCES}
    assert sandbox.internet.dialled == [(PUBLIC, 5432)]


async def test_a_server_that_refuses_and_a_name_that_is_unknown_are_told_apart() -> None:
    async with brokered(POLICY) as sandbox:
        assert await sandbox.do("exchange", STAND_IN, 5432, "") == {"errno": errno.EHOSTUNREACH}
        sandbox.internet.answers[DB] = [[PUBLIC]]
        sandbox.internet.failing[PUBLIC] = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        assert await sandbox.do("exchange", STAND_IN, 5432, "") == {"errno": errno.ECONNREFUSED}
        sandbox.internet.failing[PUBLIC] = TimeoutError()
        assert await sandbox.do("exchange", STAND_IN, 5432, "") == {"errno": errno.ETIMEDOUT}


async def test_an_address_that_changes_meanwhile_is_the_one_that_was_judged() -> None:
    async with brokered(("1.1.1.1:5432",), ("1.1.1.1", 5432, echo)) as sandbox:
        reached = await sandbox.do("connect_changing", "1.1.1.1", "10.0.0.1", 5432)
    assert set(reached) <= {"127.0.0.1"}  # where this Internet has 1.1.1.1
    assert set(sandbox.internet.dialled) <= {("1.1.1.1", 5432)}


async def test_other_families_and_broken_addresses_are_refused() -> None:
    broken = [
        ("", 0, errno.EAFNOSUPPORT),
        ("02", 1, errno.EINVAL),
        ("0200" + "00" * 5, 7, errno.EINVAL),
        ("0a00" + "00" * 10, 12, errno.EINVAL),
        ("0000" + "00" * 14, 16, errno.EAFNOSUPPORT),
        ("0100" + b"/run/x".hex(), 8, errno.EAFNOSUPPORT),
        ("0100" + "00" + b"abstract".hex(), 11, errno.EAFNOSUPPORT),
        ("1000" + "00" * 14, 16, errno.EAFNOSUPPORT),  # netlink
        ("2800" + "00" * 14, 16, errno.EAFNOSUPPORT),  # vsock
        ("0200" * 100, 400, errno.EINVAL),
        ("0200" * 8, -1, errno.EINVAL),
        ("0a000050" + "00" * 4 + "fe80" + "00" * 13 + "01" + "02000000", 28, errno.EACCES),
    ]
    async with brokered("on") as sandbox:
        for address, length, expected in broken:
            assert await sandbox.do("raw_connect", address, length) == expected, address
    assert sandbox.internet.dialled == []


async def test_nonsense_from_a_process_is_an_error_of_its_own() -> None:
    async with brokered("on", ("1.1.1.1", 80, echo)) as sandbox:
        assert await sandbox.do("connect_nowhere") == errno.EFAULT
        address = struct.pack("=H2s4s8x", socket.AF_INET, b"\0\x50", b"\1\1\1\1").hex()
        assert await sandbox.do("raw_connect", address, 16, 999) == errno.EBADF
        assert await sandbox.do("raw_connect", address, 16) == 0


async def test_a_process_that_is_killed_while_it_waits_is_forgotten() -> None:
    async with brokered(POLICY) as sandbox:
        waiting, go_on = asyncio.Event(), asyncio.Event()

        async def slow(*_: object) -> socket.socket:
            waiting.set()
            await go_on.wait()
            return socket.socket()

        sandbox.internet.answers[DB] = [[PUBLIC]]
        sandbox.broker._connect = slow
        calling = asyncio.create_task(sandbox.do("exchange", STAND_IN, 5432, ""))
        await waiting.wait()
        sandbox.process.kill()
        assert await calling is None
        go_on.set()
        async with asyncio.timeout(60):
            while sandbox.broker._tasks:
                await asyncio.wait(sandbox.broker._tasks)


async def test_a_broker_that_is_closed_leaves_nobody_waiting() -> None:
    async with brokered(POLICY) as sandbox:
        waiting = asyncio.Event()

        async def never(*_: object) -> socket.socket:
            waiting.set()
            await asyncio.sleep(60)
            raise AssertionError

        sandbox.internet.answers[DB] = [[PUBLIC]]
        sandbox.broker._connect = never
        calling = asyncio.create_task(sandbox.do("exchange", STAND_IN, 5432, ""))
        await waiting.wait()
        await sandbox.broker.aclose()
        await sandbox.broker.aclose()
        assert await calling == {"errno": errno.ENOSYS}
        assert await sandbox.do("exchange", STAND_IN, 5432, "") == {"errno": errno.ENOSYS}


async def test_a_call_that_is_no_connect_is_refused() -> None:
    async with brokered("on") as sandbox:
        notification = Notification(-1, 1, os.getpid(), 0xC000_003E, 41, (0, 0, 0, 0, 0, 0))
        assert await sandbox.broker._served(notification) == errno.EPERM


async def test_another_program_that_finds_the_way_to_the_proxy_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    create_server = socket.create_server

    def found_at_once(address: tuple[str, int], backlog: int) -> socket.socket:
        listener = create_server(address, backlog=backlog)
        others.append(socket.create_connection(listener.getsockname()))
        return listener

    others: list[socket.socket] = []
    async with brokered(POLICY, (PUBLIC, 80, Site(hello).serve)) as sandbox:
        sandbox.internet.answers["api.example.com"] = [[PUBLIC]]
        monkeypatch.setattr(socket, "create_server", found_at_once)
        assert await sandbox.do("fetch", "http://api.example.com/", "http://127.0.0.1:3128") == [200, "hello"]
    with others[0] as other:
        assert other.recv(1) == b""


def test_a_mapped_address_is_read_as_what_it_is() -> None:
    raw = struct.pack("=H", socket.AF_INET6) + b"\0\x50" + bytes(4) + ip_address("::ffff:10.0.0.1").packed + bytes(4)
    assert read_address(raw) == (ip_address("10.0.0.1"), 80)
