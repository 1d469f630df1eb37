"""The fixtures of the engine's own tests, here too, and a place that other users may reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.local.conftest import cache_dir, running, setup

__all__ = ["cache_dir", "place", "running", "setup"]


@pytest.fixture
def place() -> Iterator[Path]:
    """Where an engine may keep what it keeps, with a `tmp` in it; pytest's own folders are closed to other users."""
    made = Path(tempfile.mkdtemp(prefix="jinba-test-"))
    (made / "tmp").mkdir()
    for each in (made, made / "tmp"):
        each.chmod(0o755)
    yield made
    shutil.rmtree(made)
