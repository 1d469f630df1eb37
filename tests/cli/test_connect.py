"""`jinba-mcp connect`, as far as no server is needed; the bridge itself is tested where it lives."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Jinba


@pytest.fixture
def connecting(run_jinba: Jinba, empty_data_dir: Path) -> Jinba:
    return run_jinba


def test_an_endpoint_that_cannot_be_reached_is_one_sentence(connecting: Jinba) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    ended = connecting("connect", url)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: Cannot reach {url}: ")
    assert len(ended.err.splitlines()) == 1


def test_what_is_no_url_is_misuse(connecting: Jinba) -> None:
    assert connecting("connect", "tools.example.com").code == 2
    assert connecting("connect").code == 2


@pytest.mark.parametrize("place", ["[::1/mcp", "h:65536/mcp", "h:x/mcp", "hunter2/@h/mcp", "h\uff20hunter2/mcp"])
def test_a_url_that_leads_nowhere_is_misuse_and_not_repeated(connecting: Jinba, place: str) -> None:
    ended = connecting("connect", f"http://u:{place}" if "hunter2" in place else f"http://{place}")
    assert (ended.code, ended.out, "hunter2" in ended.err) == (2, "", False)
    assert "no URL of an MCP endpoint" in ended.err


def test_a_password_in_the_url_is_not_told_to_whoever_reads_the_log(connecting: Jinba) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}/mcp"
    ended = connecting("connect", f"http://u:hunter2@{place}?key=hunter2")
    assert (ended.code, "hunter2" in ended.err) == (1, False)
    assert ended.err.startswith(f"Error: Cannot reach http://{place}: ")


@pytest.mark.parametrize("after", ["\r", "\n", " ", "\u00a0", "\udcff"])
def test_a_key_that_cannot_be_sent_is_not_told_to_whoever_reads_the_log(
    connecting: Jinba, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """As with a variable that was set from a file with Windows' line ends."""
    monkeypatch.setenv("JINBA_API_KEY", f"jtb_{'k' * 49}{after}")
    ended = connecting("connect", "http://127.0.0.1:9/mcp")
    assert (ended.code, ended.out, "kkk" in ended.err) == (2, "", False)
    assert "JINBA_API_KEY" in ended.err


@pytest.mark.slow  # each starts a whole program
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_though_the_remote_never_answers(measured: str, number: signal.Signals, code: int) -> None:
    program = f"{measured}import sys; from jinba_mcp.cli import main; main(sys.argv[1:])"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        command = [sys.executable, "-c", program, "connect", url]
        started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        with started as process:
            try:
                with listener.accept()[0]:
                    process.send_signal(number)
                    assert process.wait(60) == code
            finally:
                process.kill()
