"""Processor time: counted from outside, and told of when it is enough."""

import asyncio
import os
import subprocess
import sys

import pytest

from jinba_mcp.sandbox.local import processor
from jinba_mcp.sandbox.local.processor import CpuAlarm


def test_the_time_of_a_process_is_read_whatever_its_name() -> None:
    name = "a) b (c"
    code = (
        f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r}); sum(range(10**7)); print(flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = processor.cpu_s(process.pid)
        process.kill()

    assert used > 0.05
    assert processor.cpu_s(2**22 + os.getpid()) == 0


async def test_it_rings_once_when_enough_was_used_since_it_was_set() -> None:
    used_s, rung = [5.0, 5.1, 5.9, 6.0, 99.0], asyncio.Event()
    rings: list[int] = []

    def ring() -> None:
        rings.append(1)
        rung.set()

    CpuAlarm(1, 1.0, ring, lambda _: used_s.pop(0))
    await asyncio.wait_for(rung.wait(), 60)
    await asyncio.sleep(0)
    assert (rings, used_s) == ([1], [99.0])


async def test_once_cancelled_it_does_not_ring() -> None:
    alarm = CpuAlarm(1, 0.0, pytest.fail, lambda _: 0.0)
    alarm.cancel()
    await asyncio.sleep(0.1)
