"""Spares that work before they are called."""

from types import SimpleNamespace
from typing import Any, cast

from jinba_mcp.sandbox.local.watch import CpuWatch
from jinba_mcp.sandbox.local.workers import Worker


class Spare:
    """As much of a worker as a watch looks at."""

    pid = 7


def test_a_spare_is_restless_if_it_used_more_than_its_share_since_the_last_look() -> None:
    at = SimpleNamespace(now=0.0, used=5.0)
    seen = CpuWatch(used_s=lambda _pid: cast("float", at.used), now=lambda: cast("float", at.now))
    spare: Any = Spare()

    looks = []
    for at.now, at.used in ((0.0, 5.0), (2.0, 5.1), (4.0, 7.0), (6.0, 7.0)):
        looks.append(seen.is_restless(cast("Worker", spare)))

    assert looks == [False, False, True, False]
