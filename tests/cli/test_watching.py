"""Watching a folder."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jinba_mcp.cli import watching


class Over(Exception):
    """The steps are used up; the watch would go on for ever."""


def nothing() -> None:
    """A pause in which nothing happens."""


async def counted(root: Path, *steps: Callable[[], object]) -> int:
    """How many changes are told of while a step is taken in each pause."""
    count, left = 0, [*steps]

    async def pause() -> None:
        if not left:
            raise Over
        left.pop(0)()

    with suppress(Over):
        async for _ in watching.changes(root, watching.look(root), pause):
            count += 1
    return count


async def test_a_folder_that_stays_as_it_is_is_not_told_of(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert await counted(tmp_path, nothing, nothing, nothing) == 0


async def test_a_change_is_told_once_it_is_over(tmp_path: Path) -> None:
    def write(name: str) -> Callable[[], object]:
        return lambda: (tmp_path / name).write_text(name)

    assert await counted(tmp_path, write("a"), write("b")) == 0
    assert await counted(tmp_path, write("c"), write("d"), nothing, nothing) == 1
    assert await counted(tmp_path, write("e"), nothing, write("f"), nothing, nothing) == 2


async def test_a_change_that_is_taken_back_in_between_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert await counted(tmp_path, path.touch, path.unlink, nothing, nothing) == 0


def test_a_file_that_is_written_with_the_same_length_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "tools" / "greet" / "main.py"
    path.parent.mkdir(parents=True)
    path.write_text("a")
    before = watching.look(tmp_path)
    path.write_text("b")
    os.utime(path, ns=(1, 1))
    assert watching.look(tmp_path) != before


def test_what_tools_leave_behind_is_not_looked_at(tmp_path: Path) -> None:
    before = watching.look(tmp_path)
    for name in (".git", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    assert watching.look(tmp_path) == before
