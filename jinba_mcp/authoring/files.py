"""Opens the files of a ToolSet folder without trusting them: regular files only, no links, bounded, UTF-8."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jinba_mcp.domain.errors import FolderInvalid


class Tree(Protocol):
    """A folder with files, on the disk or elsewhere; names are relative to it, and no part of a path."""

    def has(self, name: str) -> bool:
        """Whether anything of that name is there."""
        ...

    def text(self, name: str, where: str, max_bytes: int) -> str:
        """The text of a file; `where` is what messages call it.

        Raises:
            FolderInvalid: it cannot be had, or is no text of that size.
        """
        ...

    def folders(self, name: str, where: str) -> list[tuple[str, "Tree"]]:
        """The folders inside the folder `name`, in the order of their names.

        Raises:
            FolderInvalid: they cannot be listed.
        """
        ...


@dataclass(frozen=True)
class DiskTree:
    """A folder on the disk."""

    path: Path

    def has(self, name: str) -> bool:
        return os.path.lexists(self.path / name)

    def text(self, name: str, where: str, max_bytes: int) -> str:
        return read_text(self.path / name, where, max_bytes)

    def folders(self, name: str, where: str) -> list[tuple[str, Tree]]:
        if (self.path / name).is_symlink():
            raise FolderInvalid(f"{where}: symbolic links are not followed.")
        return [(path.name, DiskTree(path)) for path in directories(self.path / name, where)]


def read_text(path: Path, where: str, max_bytes: int) -> str:
    """The text of a regular file; `where` is what messages call it.

    Raises:
        FolderInvalid: missing, a symbolic link, not a file, longer than `max_bytes`, or not UTF-8.
    """
    try:
        with open(path, "rb", opener=_open) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FolderInvalid(f"{where}: not a regular file.")
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise FolderInvalid(f"{where}: {_reason(path, error)}.") from error
    return decoded(raw, where, max_bytes)


def decoded(raw: bytes, where: str, max_bytes: int) -> str:
    """The text of a file's bytes, of which no more than `max_bytes` + 1 need be given.

    Raises:
        FolderInvalid: longer than `max_bytes`, not UTF-8, or with a NUL character.
    """
    if len(raw) > max_bytes:
        raise FolderInvalid(f"{where}: longer than {max_bytes // 1024} KB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FolderInvalid(f"{where}: not UTF-8 (byte {error.start}).") from error
    if "\0" in text:
        raise FolderInvalid(f"{where}: NUL characters are not allowed.")
    return text


def directories(path: Path, where: str) -> list[Path]:
    """The directories below `path` in the order of their names; hidden ones and `__pycache__` are left out.

    Raises:
        FolderInvalid: `path` cannot be listed, or a symbolic link stands in it.
    """
    found = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if entry.is_symlink():
                    raise FolderInvalid(f"{where}/{shown(entry.name)}: symbolic links are not followed.")
                if entry.is_dir():
                    found.append(Path(entry.path))
    except OSError as error:
        raise FolderInvalid(f"{where}: {_reason(path, error)}.") from error
    return sorted(found, key=lambda directory: directory.name)


def shown(name: str) -> str:
    """A file's name as it can stand in a message, whatever bytes the file system holds."""
    return name.encode(errors="backslashreplace").decode()[:80]


def _open(path: str, flags: int) -> int:
    # O_NONBLOCK: opening a named pipe must not wait for somebody to write to it. Windows has neither flag.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _reason(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return "symbolic links are not followed"
    if isinstance(error, FileNotFoundError):
        return "missing"
    return f"cannot be read ({os.strerror(error.errno) if error.errno else type(error).__name__})"
