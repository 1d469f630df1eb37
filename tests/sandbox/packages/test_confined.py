"""A confined program changes files in its folder, and nowhere else."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jinba_mcp.sandbox.packages import confined

Run = Callable[[str], subprocess.CompletedProcess[str]]
TRIES = {
    "write a new file": "open('{outside}/new', 'w')",
    "write over a file": "open('{outside}/old', 'w')",
    "append to a file": "open('{outside}/old', 'a')",
    "cut a file": "os.truncate('{outside}/old', 0)",
    "remove a file": "os.unlink('{outside}/old')",
    "move a file out": "os.rename('mine', '{outside}/mine')",
    "move a file in": "os.rename('{outside}/old', 'old')",
    "link a file in": "os.link('{outside}/old', 'old')",
    "make a folder": "os.mkdir('{outside}/folder')",
    "make a link": "os.symlink('x', '{outside}/link')",
    "make a pipe": "os.mkfifo('{outside}/pipe')",
    "write through a link": "os.symlink('{outside}/old', 'way'); open('way', 'w')",
    "make a folder with ..": "os.mkdir('../outside/folder')",
}
WITHIN = """
open('mine', 'w').write('x'); os.mkdir('a'); os.mkdir('b'); os.rename('mine', 'a/mine'); os.link('a/mine', 'b/mine')
os.truncate('b/mine', 0); os.symlink('a', 'c'); os.unlink('b/mine'); os.rmdir('b'); open(os.devnull, 'w').write('x')
open('/etc/hostname' if os.path.exists('/etc/hostname') else sys.executable, 'rb').read()
"""


@pytest.fixture
def run(inside: Path, measured: str) -> Run:
    """What Python code comes to in a program that is started confined to the folder."""
    program = f"{measured}import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", program]

    def run(code: str) -> subprocess.CompletedProcess[str]:
        arguments = [confined.__file__, str(inside), sys.executable, "-I", "-S", "-c", f"import os, sys\n{code}"]
        return subprocess.run([*command, *arguments], cwd=inside, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def inside(landlock: None, tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "old").write_text("old")
    return folder


def test_all_that_installers_do_works_in_the_folder(run: Run) -> None:
    ran = run(WITHIN)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("code", TRIES.values(), ids=TRIES.keys())
def test_nothing_else_can_be_changed(run: Run, inside: Path, code: str) -> None:
    outside = inside.parent / "outside"
    ran = run(code.format(outside=outside))
    assert ran.returncode == 1
    assert "Permission denied" in ran.stderr or "Invalid cross-device link" in ran.stderr
    assert [(entry.name, entry.read_text()) for entry in outside.iterdir()] == [("old", "old")]


def test_a_thread_can_be_confined_and_the_others_are_not(inside: Path) -> None:
    outcomes: list[object] = []

    def work() -> None:
        outcomes.append(confined.confine(str(inside)))
        (inside / "mine").write_text("x")
        try:
            (inside.parent / "outside" / "new").touch()
        except PermissionError:
            outcomes.append("refused")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcomes == [True, "refused"]
    (inside.parent / "outside" / "new").touch()


def test_a_kernel_without_landlock_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "_ABI_WITH_REFER", 10_000)
    assert confined.confine("/") is False


def test_a_folder_that_is_not_there_confines_nothing(inside: Path) -> None:
    with pytest.raises(FileNotFoundError):
        confined.confine(str(inside / "missing"))
    (inside.parent / "outside" / "new").touch()
