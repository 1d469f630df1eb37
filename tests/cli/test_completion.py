"""Completion in shells: by the protocol of each, and in bash itself."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("jinba-mcp")
WITHIN_S = 120

pytestmark = pytest.mark.slow


def completed(shell: str, typed: str) -> str:
    """What the program offers a shell whose user has typed so much."""
    words = shlex.split(typed) + ([""] if typed.endswith(" ") else [])
    asked = {
        "_JINBA_MCP_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": typed,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [PROGRAM], env=os.environ | asked, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_nouns_verbs_and_options_are_completed(shell: str) -> None:
    nouns = completed(shell, "jinba-mcp to")
    assert ("toolsets" in nouns, "tools" in nouns, "env" in nouns) == (True, True, False)
    verbs = completed(shell, "jinba-mcp toolsets p")
    assert [verb for verb in ("push", "pull", "publish") if verb not in verbs] == []
    assert "--activate" in completed(shell, "jinba-mcp toolsets push --a")


def test_after_a_command_that_is_none_nothing_is_said() -> None:
    assert completed("bash", "jinba-mcp nonsense --no").strip() == ""


def test_completing_a_noun_loads_none_of_them() -> None:
    heavy = "{'jinba_mcp.app', 'sqlalchemy', 'starlette', 'mcp', 'anyio'}"
    code = (
        "import atexit, os, sys; from jinba_mcp.cli import _run\n"
        f"atexit.register(lambda: os._exit(7) if {heavy} & sys.modules.keys() else None)\n"
        "_run([])"
    )
    asked = {"_JINBA_MCP_COMPLETE": "complete_bash", "COMP_WORDS": "jinba-mcp to", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, timeout=WITHIN_S, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [b"toolsets", b"tools"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_itself_completes_after_what_it_is_told_to_load() -> None:
    asked = {
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    script = """
        eval "$(jinba-mcp --show-completion bash)"
        COMP_WORDS=(jinba-mcp runs ta) COMP_CWORD=2
        $(complete -p jinba-mcp | sed 's/.*-F \\([^ ]*\\).*/\\1/') jinba-mcp
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script], env=os.environ | asked, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "tail"), done.stderr


def test_the_script_can_be_installed(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [PROGRAM, "--install-completion", "bash"],
        env=os.environ | home, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "bash" in (tmp_path / ".bashrc").read_text()
