"""Folders that an installer filled: made private while in the making, and looked through before anybody uses them."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinba_mcp.domain.errors import EnvironmentFailed

MAX_FILES = 200_000
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Extent:
    """How many files a tree has, and their bytes together, shared with other trees or not."""

    file_count: int
    total_bytes: int


@contextlib.contextmanager
def scratch_folder(parent: Path, prefix: str = "") -> Iterator[Path]:
    """A new folder under `parent`, mode 0700, which is gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        remove(folder)


def remove(root: Path) -> None:
    """Delete `root` and all in it, as far as possible. Archives nest too deep for `shutil.rmtree`, which recurses."""
    folders = [root]
    with contextlib.suppress(OSError):
        for entry in _walk(root):
            path = Path(entry.path)
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                    path.chmod(0o700)
                else:
                    path.unlink()
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def settle(root: Path) -> Extent:
    """Make everything under `root` readable by all and writable by its owner only (0755, 0644).

    The sandbox reads it as another user.

    Raises:
        EnvironmentFailed: there is a link that leads out of `root`, a device, pipe or socket, or too much of all.
    """
    inside = f"{root.resolve()}{os.sep}"
    for entry in _walk(root):
        if entry.is_symlink():
            if not os.path.realpath(entry.path).startswith(inside):
                raise _refused(root, entry, "a link that leads out of its environment")
        elif entry.is_dir(follow_symlinks=False):
            Path(entry.path).chmod(0o755)
        elif entry.is_file(follow_symlinks=False):
            _settle_file(entry)
        else:
            raise _refused(root, entry, "a device, pipe or socket")
    root.chmod(0o755)
    extent = measure(root)
    if extent.file_count > MAX_FILES:
        raise EnvironmentFailed(f"The packages have more than {MAX_FILES:,} files together. List fewer packages.")
    return extent


def measure(root: Path) -> Extent:
    """Count what is under `root`, as it is on disk now."""
    file_count = total_bytes = 0
    for entry in _walk(root):
        file_count += 1
        if entry.is_file(follow_symlinks=False):
            total_bytes += entry.stat(follow_symlinks=False).st_size
    return Extent(file_count, total_bytes)


def _walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """Every entry under `root`, a folder before what is in it; without recursion, for archives may nest deep."""
    folders: list[str | Path] = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _settle_file(entry: os.DirEntry[str]) -> None:
    mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
    wanted = 0o755 if mode & stat.S_IXUSR else 0o644
    if mode != wanted:
        # Files are shared with the installer's own cache by hard links, where the same modes are right.
        Path(entry.path).chmod(wanted)


def _refused(root: Path, entry: os.DirEntry[str], what: str) -> EnvironmentFailed:
    name = ascii(Path(entry.path).relative_to(root).as_posix())[:_SHOWN_CHARS]
    return EnvironmentFailed(f"The packages were not installed: {name} is {what}. Choose another version of it.")
