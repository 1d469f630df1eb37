"""The examples' files, and how their README says that each is run."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "examples"
README = (FOLDER / "README.md").read_text()
PROGRAMS = str(Path(sys.executable).parent)
TIMEOUT_S = 120

_ROW = re.compile(r"^\| \[([^]]+)\]\(([^)]+)\) \| .+ \| `([^`]+)` \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """The command that README gives for each file."""
    return {file: command for _, file, command in _ROW.findall(README)}


def command(file: str) -> list[str]:
    """README's command for a file, with the programs of the environment that runs the tests."""
    return shlex.split(documented()[file].replace(".venv/bin", PROGRAMS))


def run(words: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command where README says to run it; standard input is empty."""
    return subprocess.run(
        words,
        cwd=FOLDER.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def configuration(file: str) -> dict[str, Any]:
    """What a configuration file holds."""
    document: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return document
