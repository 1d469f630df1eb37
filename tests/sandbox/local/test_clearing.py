"""Whatever a run leaves behind can be removed, and nothing else goes with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local import clearing
from jinba_mcp.sandbox.local.clearing import clear


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def grave(tmp_path: Path) -> Path:
    made = tmp_path / "grave"
    made.mkdir()
    return made


def test_a_folder_goes_with_all_that_is_in_it(folder: Path, grave: Path) -> None:
    for name in ("a/b/c", "a/d", "1/0", "0"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()

    clear(folder, grave)

    assert not folder.exists()
    assert not list(grave.iterdir())


def test_neither_depth_nor_names_nor_modes_keep_it(folder: Path, grave: Path) -> None:
    here = os.getcwd()  # noqa: PTH109  what is changed back to
    os.chdir(folder)
    for _ in range(3000):
        os.mkdir("d")  # noqa: PTH102  the path as a whole would be too long
        os.chdir("d")
    os.chdir(here)
    for name in (b"\xff\xfe", b"a\nb", b"-rf", b"n" * 255):
        os.mkdir(os.path.join(os.fsencode(folder), name))  # noqa: PTH102,PTH118  no text
    os.mkfifo(folder / "pipe")
    for mode in (0, 0o100, 0o300, 0o400, 0o500):
        (folder / f"{mode}" / "inner").mkdir(parents=True)
        (folder / f"{mode}" / "inner").chmod(mode)
        (folder / f"{mode}").chmod(mode)
    descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208  numbers

    clear(folder, grave)

    assert not folder.exists()
    assert not list(grave.iterdir())
    assert os.listdir("/proc/self/fd") == descriptors  # noqa: PTH208  numbers


def test_links_are_removed_and_what_they_lead_to_stays(folder: Path, grave: Path, tmp_path: Path) -> None:
    (tmp_path / "kept" / "inner").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path / "kept")
    (folder / "loop").symlink_to("loop")
    (folder / "hard").hardlink_to(_touched(tmp_path / "file"))

    clear(folder, grave)

    assert (tmp_path / "kept" / "inner").is_dir()
    assert (tmp_path / "file").exists()


def _touched(path: Path) -> Path:
    path.touch()
    return path


MODES = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from jinba_mcp.sandbox.guest import kernel
from jinba_mcp.sandbox.local.clearing import clear
# Who has none of root's privileges is held by modes, and who runs this may be root.
kernel.keep_capabilities(())
folder, grave = Path(sys.argv[2]) / "folder", Path(sys.argv[2]) / "grave"
folder.mkdir()
grave.mkdir()
for mode in (0, 0o100, 0o300, 0o400, 0o500):
    (folder / f"{mode}" / "inner").mkdir(parents=True)
    (folder / f"{mode}" / "inner").chmod(mode)
    (folder / f"{mode}").chmod(mode)
clear(folder, grave)
print(folder.exists(), list(grave.iterdir()))
"""


def test_what_its_owner_has_forbidden_to_enter_goes_too(tmp_path: Path, measured: str) -> None:
    root = str(Path(clearing.__file__).parents[3])
    command = [sys.executable, "-c", measured + MODES, root, str(tmp_path)]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False []\n"
