"""An example that cannot do its work says why in one sentence and exits with 1."""

import os
import runpy
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.examples import programs

NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="rest.sh needs curl, which this machine has not")
PYTHON = ("mcp_client.py", "rest_client.py")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a port that is taken and at which nothing answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("JINBA_URL", url)
        yield url


def said_at_exit(file: str) -> object:
    """What a program of ours, run in this process, gives to sys.exit."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(programs.FOLDER / file), run_name="__main__")
    return ended.value.code


def run_shell(**variables: str) -> subprocess.CompletedProcess[str]:
    return programs.run(["sh", "examples/rest.sh"], {"PATH": os.environ["PATH"], **variables})


@pytest.mark.parametrize("key", ["", "jtb_…"], ids=["none", "not copied"])
@pytest.mark.parametrize("file", PYTHON)
def test_a_program_without_a_key_says_where_to_get_one(file: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_API_KEY", key)
    assert said_at_exit(file) == "Set JINBA_API_KEY to a key, such as 'jinba-mcp keys create --name example' prints."


@pytest.mark.parametrize("file", PYTHON)
def test_a_program_without_a_server_says_how_to_start_one(
    file: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_API_KEY", "jtb_any")
    assert said_at_exit(file) == (
        f"There is no answer from {nowhere}. Start the server with 'make run', or set JINBA_URL to where it is."
    )


def test_the_rest_client_at_another_kind_of_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        answering = threading.Thread(target=other.handle_request, daemon=True)
        answering.start()
        url = f"http://127.0.0.1:{other.server_port}"
        monkeypatch.setenv("JINBA_URL", url)
        monkeypatch.setenv("JINBA_API_KEY", "jtb_any")
        assert said_at_exit("rest_client.py") == (
            f"What answers at {url} is no Jinba server. Set JINBA_URL to where it is."
        )
        answering.join(programs.TIMEOUT_S)


def test_the_stdio_client_without_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert said_at_exit("stdio_client.py") == (
        "There is no command jinba-mcp. 'make setup' makes it; run this with .venv/bin/python."
    )


@NEEDS_CURL
def test_the_shell_script_without_a_key_says_where_to_get_one() -> None:
    ended = run_shell()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Set JINBA_API_KEY to a key, such as 'jinba-mcp keys create --name example' prints.\n"


@NEEDS_CURL
def test_the_shell_script_without_a_server_says_how_to_start_one(nowhere: str) -> None:
    ended = run_shell(JINBA_URL=nowhere, JINBA_API_KEY="jtb_any")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"There is no answer from {nowhere}. Start the server with 'make run', or set JINBA_URL to where it is.\n"
    )
