"""What an installer left is made readable for the sandbox, and refused if it leads out of its folder."""

import os
import stat
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.sandbox.packages import trees


def _modes(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


def test_everything_is_readable_by_all_and_writable_by_the_owner_only(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir(mode=0o700)
    for name, mode in {"secret.py": 0o600, "open.py": 0o666, "tool": 0o700, "setuid": 0o4755, "setgid": 0o2644}.items():
        (tmp_path / "package" / name).write_text("x")
        (tmp_path / "package" / name).chmod(mode)
    (tmp_path / "package" / "sticky").mkdir()
    (tmp_path / "package" / "sticky").chmod(0o1777)
    assert trees.settle(tmp_path) == trees.Extent(file_count=7, total_bytes=5)
    assert _modes(tmp_path) == {
        "package": 0o755,
        "package/secret.py": 0o644,
        "package/open.py": 0o644,
        "package/tool": 0o755,
        "package/setuid": 0o755,
        "package/setgid": 0o644,
        "package/sticky": 0o755,
    }


def test_links_within_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    trees.settle(tmp_path)
    assert (tmp_path / "alias").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "real/../../outside", "loop/../..", ".."])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "link").symlink_to(target)
    with pytest.raises(EnvironmentFailed, match="'link' is a link that leads out"):
        trees.settle(root)


def test_a_link_through_another_link_is_followed_to_its_end(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "root-of-another").mkdir()
    (root / "first").symlink_to("second")
    (root / "second").symlink_to(tmp_path / "root-of-another")
    with pytest.raises(EnvironmentFailed, match="leads out"):
        trees.settle(root)


def test_a_link_is_never_changed_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.write_text("mine")
    outside.chmod(0o600)
    (root / "link").symlink_to(outside)
    with pytest.raises(EnvironmentFailed):
        trees.settle(root)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EnvironmentFailed, match="'pipe' is a device, pipe or socket"):
        trees.settle(tmp_path)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_FILES", 1)
    (tmp_path / "one").touch()
    trees.settle(tmp_path)
    (tmp_path / "two").touch()
    with pytest.raises(EnvironmentFailed, match="more than 1 files"):
        trees.settle(tmp_path)


@pytest.mark.slow
def test_a_very_deep_folder_is_walked_and_removed(tmp_path: Path) -> None:
    with trees.scratch_folder(tmp_path) as folder:
        here = os.open(folder, os.O_RDONLY)
        for _ in range(1_050):
            os.mkdir("d", dir_fd=here)
            deeper = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
        os.close(here)
        assert trees.settle(folder).file_count == 1_050
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with trees.scratch_folder(tmp_path / "parent", "mine-") as folder:
        (folder / "file").touch()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.name.startswith("mine-")
    assert list((tmp_path / "parent").iterdir()) == []
