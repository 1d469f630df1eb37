"""Faces are tested on the embedded database: what differs between databases is tested below them."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def sqlite_url(sqlite_file_of_a_world: Path, tmp_path: Path) -> str:
    """A database of the test's own that has the organizations of a world."""
    return f"sqlite:///{shutil.copyfile(sqlite_file_of_a_world, tmp_path / 'jinba.db')}"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url
