"""Only bounded, regular UTF-8 files are read."""

import os
from pathlib import Path

import pytest

from jinba_mcp.authoring import files
from jinba_mcp.domain.errors import FolderInvalid


def test_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfhallo")

    assert files.read_text(tmp_path / "f", "f", 100) == "hallo"


def test_the_limit_is_a_length_that_still_fits(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1024)

    assert len(files.read_text(tmp_path / "f", "f", 1024)) == 1024
    with pytest.raises(FolderInvalid, match="f: longer than 0 KB"):
        files.read_text(tmp_path / "f", "f", 1023)


@pytest.mark.parametrize(("raw", "fault"), [(b"ab\xff", r"not UTF-8 \(byte 2\)"), (b"a\0b", "NUL")])
def test_what_is_not_text_is_refused(tmp_path: Path, raw: bytes, fault: str) -> None:
    (tmp_path / "f").write_bytes(raw)

    with pytest.raises(FolderInvalid, match=fault):
        files.read_text(tmp_path / "f", "f", 100)


def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")

    with pytest.raises(FolderInvalid, match="not a regular file"):
        files.read_text(tmp_path / "f", "f", 100)


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FolderInvalid, match="cannot be read"):
        files.read_text(tmp_path, "f", 100)


def test_a_link_among_directories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "b")

    with pytest.raises(FolderInvalid, match="where/a: symbolic links"):
        files.directories(tmp_path, "where")


def test_a_name_that_is_not_utf_8_can_be_shown() -> None:
    assert files.shown("caf\udce9") == "caf\\udce9"
