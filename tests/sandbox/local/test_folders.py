"""A folder for each run: its own, and gone with it, whatever it holds."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local.folders import Folders


async def test_a_folder_belongs_to_its_run_alone() -> None:
    folders = Folders()
    (first, first_user), (second, second_user) = folders.make("sha256:1"), folders.make("sha256:1")

    assert first != second
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert stat.S_IMODE(folders.top.stat().st_mode) == 0o711
    if os.geteuid() == 0:
        assert first_user != second_user
        assert first.stat().st_uid == first_user
    await folders.close()
    assert not folders.top.exists()


async def test_the_folder_of_a_version_goes_with_the_last_run_in_it() -> None:
    folders = Folders()
    run, _user = folders.make("sha256:1")
    (run.parent / "node_modules").symlink_to("/nowhere")
    others, _user = folders.make("sha256:2")

    folders.release("sha256:1")
    assert run.is_dir()
    folders.remove(run, -1)
    while folders._removing:
        await asyncio.gather(*folders._removing)

    assert not run.parent.exists()
    assert others.is_dir()
    await folders.close()


async def test_the_folder_of_a_version_that_starts_again_stays() -> None:
    folders = Folders()
    run, _user = folders.make("sha256:1")

    folders.release("sha256:1")
    place = folders.of("sha256:1")
    folders.remove(run, -1)
    while folders._removing:
        await asyncio.gather(*folders._removing)

    assert place.is_dir()
    await folders.close()


async def test_closing_waits_for_what_is_handed_over_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders()
    process = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220  stands for a run
    (first, _), (second, _) = folders.make("sha256:1"), folders.make("sha256:1")
    pidfd = os.pidfd_open(process.pid)
    folders.remove(first, -1)
    (removing,) = folders._removing
    removing.add_done_callback(lambda _: folders.remove(second, pidfd))
    # A process that does not end is not waited for for ever, but this long.
    monkeypatch.setattr("jinba_mcp.sandbox.local.folders._DEATH_WAIT_S", 1.0)

    await folders.close()
    process.kill()
    process.wait()

    assert not folders.top.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)


async def test_what_a_run_left_is_removed_after_its_death() -> None:
    folders = Folders()
    folder, _user = folders.make("sha256:1")
    process = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220  stands for a run
    (folder / "shut").mkdir()
    (folder / "shut" / "file").touch()
    (folder / "shut").chmod(0)
    (folder / "link").symlink_to("/etc")

    folders.remove(folder, os.pidfd_open(process.pid))
    process.kill()
    process.wait()
    await folders.close()

    assert not folder.exists()
    assert Path("/etc/passwd").exists()  # noqa: ASYNC240  a file of the test


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
async def test_a_folder_that_its_owner_may_not_look_into_is_removed_too() -> None:
    folders = Folders()
    folder, _user = folders.make("sha256:1")
    (folder / "shut").mkdir(mode=0)

    folders.remove(folder, -1)
    await folders.close()

    assert not folder.exists()


async def test_what_a_killed_server_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, sys; from jinba_mcp.sandbox.local.folders import Folders; Folders().make('sha256:1'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60, env={"TMPDIR": str(tmp_path)})  # noqa: ASYNC221  waited for
    (abandoned,) = os.scandir(tmp_path)
    alive = Folders()
    kept, _user = alive.make("sha256:1")

    await Folders().close()

    assert not os.path.exists(abandoned)  # noqa: ASYNC240,PTH110  a file of the test
    assert kept.exists()
    await alive.close()
    assert not list(os.scandir(tmp_path))


async def test_what_cannot_be_removed_holds_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders()
    (stubborn, _user), (other, _other_user) = folders.make("sha256:1"), folders.make("sha256:1")
    (stubborn / "inner").mkdir()

    with monkeypatch.context() as patch:
        patch.setattr("os.rmdir", _refuse)
        await folders._removed(stubborn, -1)
    await folders._removed(other, -1)

    assert not other.exists()
    await folders.close()
    assert not folders.top.exists()


def _refuse(*_given: object, **_named: object) -> None:
    raise OSError("no")
