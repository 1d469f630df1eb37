"""Locks by file: shared or alone, between holders in one process as between processes."""

import os
from pathlib import Path

import pytest

from jinba_mcp.sandbox.packages.leases import Hold, taken_within


def test_many_may_share_and_none_is_alone_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    first, second = Hold.shared(file), Hold.shared(file)
    assert first is not None
    assert second is not None
    first.close()
    assert Hold.alone(file) is None
    second.close()
    assert Hold.alone(file) is not None


def test_who_is_alone_keeps_all_others_away(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    hold = Hold.alone(file)
    assert hold is not None
    with hold:
        assert (Hold.shared(file), Hold.alone(file)) == (None, None)
    assert Hold.shared(file) is not None


def test_closing_twice_closes_nothing_of_others(tmp_path: Path) -> None:
    hold = Hold.shared(tmp_path / "lock")
    assert hold is not None
    hold.close()
    other = os.open(tmp_path / "lock", os.O_RDONLY)
    hold.close()
    os.fstat(other)
    os.close(other)


def test_a_touch_sets_the_time_of_the_file(tmp_path: Path) -> None:
    hold = Hold.shared(tmp_path / "lock")
    assert hold is not None
    os.utime(tmp_path / "lock", (1, 1))
    hold.touch()
    assert (tmp_path / "lock").stat().st_mtime > 1
    hold.close()


async def test_a_lock_is_waited_for_as_long_as_allowed(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    hold = Hold.alone(file)
    assert hold is not None
    assert await taken_within(0.01, lambda: Hold.alone(file)) is None
    tries = iter(range(3))

    def take() -> Hold | None:
        if next(tries) == 1:
            hold.close()
        return Hold.alone(file)

    taken = await taken_within(5, take)
    assert taken is not None
    taken.close()


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_no_descriptor_is_left_by_a_lock_that_is_taken(tmp_path: Path, kind: str) -> None:
    hold = Hold.alone(tmp_path / "lock")
    assert hold is not None
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert getattr(Hold, kind)(tmp_path / "lock") is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    hold.close()
