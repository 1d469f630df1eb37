"""The table is made: every row is measured, and all answers are right."""

import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).parents[2] / "benchmarks" / "calls.py"


@pytest.mark.slow
def test_what_needs_no_installation_is_measured() -> None:
    briefly = ["--no-peers", "--connections", "2", "--rounds", "1", "--seconds", "0.2"]
    done = subprocess.run(
        [sys.executable, str(CALLS), *briefly], capture_output=True, text=True, timeout=300, check=True
    )
    table = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| 2 |")]
    names = [cells[1] for cells in table]
    assert names[:3] == ["bare Starlette", "SDK, handshake era", "SDK, 2026-07-28"]
    assert len(names) == len(set(names)) == 15
    assert [cells[-1] for cells in table] == ["0 |"] * 15
    assert "left out" not in done.stdout
