"""The lock file of a ToolSet folder: what its packages resolved to, kept so that nobody need resolve them again."""

from pathlib import Path

from pydantic import ValidationError

from jinba_mcp.authoring import documents, files
from jinba_mcp.domain.errors import FolderInvalid
from jinba_mcp.domain.packages import MAX_LOCK_BYTES, Lock

LOCK_FILE = "toolset.lock"
MAX_LOCK_FILE_BYTES = 2 * MAX_LOCK_BYTES


def read_lock(tree: files.Tree, where: str) -> Lock | None:
    """The lock of the ToolSet folder, or None if it has none.

    Raises:
        FolderInvalid: it cannot be read.
    """
    if not tree.has(LOCK_FILE):
        return None
    where = f"{where}/{LOCK_FILE}"
    raw = documents.parse(tree.text(LOCK_FILE, where, MAX_LOCK_FILE_BYTES), where)
    try:
        return Lock.model_validate(raw)
    except ValidationError as error:
        raise FolderInvalid(f"{where}: no lock file of ours; make it anew with 'jinba-mcp toolsets lock'.") from error


def lock_text(lock: Lock) -> str:
    """What the lock file holds."""
    return documents.dump(lock.model_dump(mode="json", exclude_none=True))


def write_lock(directory: Path, lock: Lock) -> None:
    """Put the lock into the ToolSet folder, in place of the one that is there."""
    beside = directory / f".{LOCK_FILE}.new"
    beside.write_text(lock_text(lock), encoding="utf-8")
    beside.replace(directory / LOCK_FILE)
