"""The folder that every sandbox reads: whole, made once, readable by anyone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local import runtime as module
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.runtime import runtime


def test_all_that_tools_may_import_of_ours_is_in_it(cache_dir: Path) -> None:
    built = runtime(cache_dir)
    paths = [str(built.base), str(built.packages)]
    code = f"import sys; sys.path += {paths!r}; import guest.boot; from jinba_mcp.authoring import *"

    subprocess.run([Python.own().executable, "-I", "-S", "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_it_is_made_once_and_named_for_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = runtime(tmp_path)
    stamp = first.folder.stat().st_mtime_ns

    assert runtime(tmp_path) == first
    assert first.folder.stat().st_mtime_ns == stamp
    monkeypatch.setattr("sys.version", sys.version + "x")
    assert runtime(tmp_path) != first
    assert not [path for path in first.folder.parent.iterdir() if path.name.startswith(".")]


def test_everything_in_it_may_be_read_by_any_user(cache_dir: Path) -> None:
    for folder, _folders, files in os.walk(runtime(cache_dir).folder):
        assert Path(folder).stat().st_mode & 0o777 == 0o755
        assert all((Path(folder) / name).stat().st_mode & 0o777 == 0o644 for name in files)


@pytest.mark.slow
def test_what_another_process_has_made_meanwhile_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = runtime(tmp_path)
    monkeypatch.setattr(Path, "rename", _taken)

    module._build(made, dict(module._sources()))

    assert (made.base / "guest").is_dir()


def _taken(_self: Path, _target: Path) -> Path:
    raise OSError("not empty")
