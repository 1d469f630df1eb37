"""`jinba-mcp serve`: a few boots in this process, and one real process for what only a process can show."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jinba_mcp.cli import serve
from jinba_mcp.domain import keys
from tests.cli.conftest import AddTool, Jinba

PROGRAM = str(Path(sys.executable).with_name("jinba-mcp"))
WITHIN_S = 120

WAIT = """
import threading

def run(fifo: str) -> dict:
    with open(fifo, "w") as told:
        told.write("started")
    threading.Event().wait()
"""


def stop_when_ready(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    for name in ("tell", "tell_json"):
        say = getattr(serve._Ready, name)

        def say_and_stop(ready: serve._Ready, say: Any = say) -> None:
            say(ready)
            signal.raise_signal(number)

        monkeypatch.setattr(serve._Ready, name, say_and_stop)


@pytest.fixture
def stopping(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> Jinba:
    """Servers that are sent SIGTERM as soon as they have said that they are ready."""
    stop_when_ready(monkeypatch, signal.SIGTERM)
    return jinba


def test_the_first_boot_prints_all_that_a_newcomer_needs_and_later_ones_no_key(
    stopping: Jinba, add_tool: AddTool
) -> None:
    add_tool()
    first = stopping("serve", "--port", "0")
    lines = first.out.splitlines()
    assert first.code == 0
    assert "Loaded greeting-tools 1.0.0" in lines
    url = lines[-1].removeprefix("Jinba MCP is ready at ")
    secret = next(line for line in lines if line.startswith("jtb_"))
    assert keys.is_well_formed(secret)
    assert first.out.count(f'"Bearer {secret}"') == 1
    assert first.out.count(f'"JINBA_API_KEY": "{secret}"') == 1
    assert f"curl {url}/v1/orgs/default/toolsets/greeting-tools/tools/greet/run" in first.out
    later = stopping("serve", "--port", "0")
    assert "jtb_" not in later.out
    assert "jinba-mcp keys create" in later.out
    assert "Loaded" not in later.out


def test_a_script_gets_one_line_when_it_is_ready(stopping: Jinba, add_tool: AddTool) -> None:
    add_tool()
    add_tool("def run(", toolset="broken-tools")
    first = stopping("serve", "--port", "0", "--json")
    assert first.out.count("\n") == 1
    assert first.json["ready"] is True
    assert keys.is_well_formed(first.json["firstKey"])
    assert "broken-tools was not loaded: " in first.err
    again = stopping("serve", "--port", "0", "--json")
    assert again.json["firstKey"] is None


def test_an_interrupted_server_ends_well_and_says_so_by_its_exit_code(
    jinba: Jinba, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_when_ready(monkeypatch, signal.SIGINT)
    ended = jinba("serve", "--port", "0", "--json")
    assert (ended.code, ended.json["ready"]) == (130, True)
    # The log of the start says which sandbox there is, on machines that have one or not.
    assert [line for line in ended.err.splitlines() if "event=sandbox.chosen" not in line] == []


@pytest.mark.slow
def test_workers_import_nothing_from_where_the_server_was_started(
    stopping: Jinba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command itself does not: the folder may be somebody else's ToolSet."""
    (tmp_path / "secrets.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    ended = stopping("serve", "--port", "0", "--workers", "2", "--json")
    assert (ended.code, ended.json["ready"]) == (0, True)


def test_a_port_in_use_is_one_clear_line(jinba: Jinba) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = jinba("serve", "--port", str(listener.getsockname()[1]))
    assert (ended.code, ended.out) == (1, "")
    assert "is in use" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_port_that_is_none_is_misuse(jinba: Jinba) -> None:
    assert jinba("serve", "--port", "70000").code == 2


@contextmanager
def served(data_dir: Path, toolsets: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    own = {
        "JINBA_DATA_DIR": str(data_dir),
        "JINBA_TOOLSETS_DIRS": str(toolsets),
        "JINBA_SHUTDOWN_GRACE_S": "0.2",
        "JINBA_RUN_TIMEOUT_S": "60",
    }
    command = [PROGRAM, "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], WITHIN_S)[0], "not ready in time"
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.slow
def test_at_sigterm_a_run_in_flight_gets_its_grace_and_is_recorded_as_cancelled(
    jinba: Jinba, data_dir: Path, add_tool: AddTool, tmp_path: Path
) -> None:
    """Our decision: every path that can end a run writes its end. A tool that never returns must not hold us up."""
    toolsets = add_tool(WAIT, tool="wait").parent
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    started = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    answers: list[httpx2.Response] = []
    with served(data_dir, toolsets) as (process, ready):
        url = f"{ready['url']}/v1/orgs/default/toolsets/greeting-tools/tools/wait/run"
        headers = {"Authorization": f"Bearer {ready['firstKey']}"}

        def call() -> None:
            answers.append(httpx2.post(url, json={"fifo": str(fifo)}, headers=headers, timeout=WITHIN_S))

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        assert select.select([started], [], [], WITHIN_S)[0], "the tool did not start in time"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
        caller.join(WITHIN_S)
    os.close(started)
    (run,) = jinba("runs", "list", "--json").json["data"]
    assert (run["status"], run["error"]["message"]) == (
        "cancelled",
        "The server shut down before the run had finished.",
    )
    assert [answer.status_code for answer in answers] == [503]
    assert jinba("db", "check").code == 0
