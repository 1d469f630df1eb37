"""Memory of a process and of all that it started is counted together."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from jinba_mcp.sandbox.packages.footprints import Watch, children, resident_bytes

MB = 1024 * 1024
FAMILY = """
import os, sys
reading, writing = os.pipe()
if os.fork() == 0:
    kept = b"x" * (60 << 20)
    os.write(writing, b"x")
    sys.stdin.read()
    os._exit(0)
os.read(reading, 1)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[int]:
    command = [sys.executable, "-I", "-S", "-c", FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started.pid
        started.communicate()


def test_children_count(family: int) -> None:
    assert 60 * MB < resident_bytes(family) < 120 * MB


def test_what_has_ended_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as started:
        pass
    assert resident_bytes(started.pid) == 0


async def test_too_much_is_the_end(family: int) -> None:
    ended = anyio.Event()
    watch = Watch(family, 50 * MB)
    with anyio.fail_after(60):
        await watch.watch(ended.set)
    assert watch.is_over
    assert ended.is_set()


def test_a_process_that_ends_while_it_is_looked_at_has_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_path: Path) -> str:
        raise ProcessLookupError

    monkeypatch.setattr(Path, "read_text", gone)

    assert children(os.getpid()) == []
