"""The hostile tool of the self-test, let loose where no wall stands: what it does not see there, it sees nowhere."""

import os

import pytest

from jinba_mcp.sandbox.local import escapes, selftest
from tests.sandbox.local.unwalled import UnwalledEngine

DOORS = {
    "read-file",
    "list-folder",
    "write-file",
    "change-file",
    "read-environ",
    "read-memory",
    "see-processes",
    "signal",
    "signal-by-descriptor",
    "limits",
    "scheduling",
    "fork",
    "exec",
    "tcp",
    "unix-socket",
    "abstract-socket",
    "datagram",
    "udp",
    "netlink",
    "memory-file",
    "ptrace",
}
"""Open to any process of a Linux machine that is not walled in."""
DOORS_OF_ROOT = {"write-system", "packets", "mount", "root", "capabilities"}
DOORS_OF_SOME = {"namespaces", "terminal", "descriptors"}
"""Open depending on the machine, and on how the tests were started."""


async def test_without_walls_every_door_is_open(measured: str) -> None:
    found = {escape.name for escape in await selftest.probe(UnwalledEngine(measured))}
    expected = DOORS | DOORS_OF_ROOT if selftest.host().is_root else DOORS
    assert expected - found == set()
    assert found - DOORS - DOORS_OF_ROOT <= DOORS_OF_SOME


def test_a_module_that_is_not_there_shuts_the_doors_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escapes, "socket", escapes._module("no_such_module"))

    assert escapes._tried(lambda: escapes.socket.AF_INET) is None


def test_a_door_that_leads_nowhere_is_shut() -> None:
    assert escapes._write_anywhere(("/proc", "/nowhere")) is False
    assert escapes._tried(lambda: False) is None
    assert escapes._signalled(os.getpid()) is False
    assert escapes._scheduled(os.getpid()) is False
    assert escapes._limits(os.getpid()) is False
