"""The lock file of a ToolSet folder."""

from pathlib import Path

import pytest

from jinba_mcp.authoring.files import DiskTree
from jinba_mcp.authoring.folder import read_folder
from jinba_mcp.authoring.locks import LOCK_FILE, read_lock, write_lock
from jinba_mcp.domain.errors import FolderInvalid
from jinba_mcp.domain.packages import Lock, Package

LOCK = Lock(
    kind="python",
    packages=(Package(name="httpx", version="0.28.1"), Package(name="rich")),
    text="httpx==0.28.1 \\\n    --hash=sha256:00\nrich==14.0.0 \\\n    --hash=sha256:11\n",
)


def test_what_was_written_is_read_again_and_replaces_what_was_there(tmp_path: Path) -> None:
    assert read_lock(DiskTree(tmp_path), "my-tools") is None
    (tmp_path / LOCK_FILE).write_text("kind: old\n")
    write_lock(tmp_path, LOCK)
    assert read_lock(DiskTree(tmp_path), "my-tools") == LOCK
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


@pytest.mark.parametrize("text", ["", "[]", "kind: python\n", "kind: ruby\npackages: []\ntext: ''\n", "a: [\n"])
def test_a_file_that_is_no_lock_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(FolderInvalid, match=r"my-tools/toolset\.lock"):
        read_lock(DiskTree(tmp_path), "my-tools")


def test_a_lock_of_countless_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text(f"a: [{'b,' * 150_000}]\n")
    with pytest.raises(FolderInvalid, match=r"my-tools/toolset\.lock: more than 100000"):
        read_lock(DiskTree(tmp_path), "my-tools")


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    write_lock(tmp_path, LOCK)
    (tmp_path / LOCK_FILE).rename(tmp_path / "elsewhere")
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderInvalid, match="symbolic links"):
        read_lock(DiskTree(tmp_path), "my-tools")


def test_a_folder_comes_with_its_lock(tmp_path: Path) -> None:
    folder = tmp_path / "my-tools"
    folder.mkdir()
    (folder / "toolset.yml").write_text("packages: [{name: httpx, version: 0.28.1}, {name: rich}]\n")
    assert read_folder(folder).lock is None
    write_lock(folder, LOCK)
    assert read_folder(folder).lock == LOCK
