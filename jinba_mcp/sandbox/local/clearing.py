"""Removes what runs leave behind: however deep it is, whatever it is called, and wherever its links lead."""

import os
from pathlib import Path

_ENTERED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_POINTED_AT = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNERS = 0o700


def clear(folder: Path, grave: Path) -> None:
    """Remove a folder with all that is in it. `grave` is an empty one on the same disk that only the server may enter.

    What is inside is first moved side by side into the grave, where nobody can exchange it for a link: so neither
    Python's stack nor descriptors limit how deep it may be. Only one at a time may use a grave.

    Raises:
        OSError: some of it cannot be removed.
    """
    count = 0
    folder.rename(grave / "0")
    grave_fd = os.open(grave, _ENTERED)
    try:
        waiting = ["0"]
        while waiting:
            name = waiting.pop()
            for each in _emptied(name, grave_fd, first=count + 1):
                waiting.append(each)
                count += 1
            os.rmdir(name, dir_fd=grave_fd)
    finally:
        os.close(grave_fd)


def _emptied(name: str, grave_fd: int, *, first: int) -> list[str]:
    """Remove all files of a folder in the grave; its folders are in the grave then, under the names that are given."""
    moved: list[str] = []
    folder_fd = _entered(name, grave_fd)
    try:
        for entry in os.listdir(folder_fd):  # noqa: PTH208  a descriptor is no path
            try:
                # Most are files. Linux says so if it is a folder.
                os.unlink(entry, dir_fd=folder_fd)
            except IsADirectoryError:
                moved.append(str(first + len(moved)))
                _move(entry, folder_fd, moved[-1], grave_fd)
    finally:
        os.close(folder_fd)
    return moved


def _move(entry: str, folder_fd: int, name: str, grave_fd: int) -> None:
    try:
        os.rename(entry, name, src_dir_fd=folder_fd, dst_dir_fd=grave_fd)
    except PermissionError:
        # Moving a folder writes into it, and its owner may have forbidden even that.
        _open_up(entry, folder_fd)
        os.rename(entry, name, src_dir_fd=folder_fd, dst_dir_fd=grave_fd)


def _entered(name: str, parent_fd: int) -> int:
    try:
        found = os.open(name, _ENTERED, dir_fd=parent_fd)
    except PermissionError:
        _open_up(name, parent_fd)
        found = os.open(name, _ENTERED, dir_fd=parent_fd)
    if os.fstat(found).st_mode & _OWNERS != _OWNERS:
        os.fchmod(found, _OWNERS)
    return found


def _open_up(name: str, parent_fd: int) -> None:
    # chmod(2) would follow a link; a descriptor that only points at it cannot be led astray.
    pointed_at = os.open(name, _POINTED_AT, dir_fd=parent_fd)
    try:
        Path(f"/proc/self/fd/{pointed_at}").chmod(_OWNERS)
    finally:
        os.close(pointed_at)
