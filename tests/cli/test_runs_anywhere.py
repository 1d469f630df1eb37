"""`jinba-mcp runs` and `tools` on the local registry and on a served one."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.faces.worker import beat
from tests.cli.conftest import Jinba, Remote

PROGRAM = str(Path(sys.executable).with_name("jinba-mcp"))
WITHIN_S = 60


def greeted(jinba: Jinba, name: str, *, code: int = 0) -> Any:
    ended = jinba("tools", "run", "greeting-tools/greet", name, "--json")
    assert ended.code == code, ended.err
    return ended.json if code == 0 else None


def test_a_tool_is_listed_and_run(either: Jinba) -> None:
    (tool,) = either("tools", "list", "--json").json["data"]
    assert (tool["toolSetSlug"], tool["slug"], "code" in tool) == ("greeting-tools", "greet", False)
    ended = either("tools", "run", "greeting-tools/greet", "name=5", "count=2")
    assert (ended.code, json.loads(ended.out), ended.err) == (0, {"message": "Hello, 5!, Hello, 5!"}, "greeting\n")


def test_what_a_call_lacks_is_said_wherever_it_is_made(either: Jinba) -> None:
    ended = either("tools", "run", "greeting-tools/greet", "count=2")
    assert (ended.code, ended.out) == (1, "")
    assert '"name" is a required property' in ended.err
    for address in ("greeting-tools/nothing", "nothing/greet"):
        missing = either("tools", "run", address, "name=x")
        assert (missing.code, "'nothing'" in missing.err) == (1, True)


def test_the_draft_is_run_before_it_is_published(either: Jinba) -> None:
    tested = either("toolsets", "test", "greeting-tools", "greet", "name=5", "--json").json
    assert (tested["version"], tested["output"]) == ("draft", {"message": "Hello, 5!"})
    assert either("runs", "list", "--source", "test", "--json").json["data"][0]["id"] == tested["id"]
    assert either("toolsets", "test", "greeting-tools", "nothing").code == 1


def test_runs_are_searched_shown_replayed_and_counted(either: Jinba) -> None:
    made = greeted(either, "name=Al")
    greeted(either, "count=2", code=1)
    found = either("runs", "list", "-q", "required", "--json").json["data"]
    assert [run["status"] for run in found] == ["failed"]
    assert '"name": "Al"' in either("runs", "show", made["id"]).out
    again = either("runs", "replay", made["id"], "--json").json
    assert (again["replayOf"], again["output"], again["source"]) == (made["id"], made["output"], "replay")
    row = either("runs", "stats").out.splitlines()[1].split()
    assert row[:4] == ["greeting-tools/greet", "3", "1", "33.3%"]
    counted = either("runs", "stats", "--by", "day", "--json").json
    assert (counted["by"], counted["tools"][0]["count"]) == ("day", 3)


def test_a_run_of_a_command_is_not_taken_for_lost(greeter: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on the same database ends runs whose process does not say that it lives."""
    beaten: list[object] = []

    @asynccontextmanager
    async def beating(core: object) -> AsyncIterator[None]:
        beaten.append(core)
        yield

    monkeypatch.setattr(beat, "beating", beating)
    tested = greeter("toolsets", "test", "greeting-tools", "greet", "name=Al", "--json").json
    made = greeted(greeter, "name=Al")
    greeter("runs", "replay", made["id"])
    assert len(beaten) == 3
    greeter("runs", "show", tested["id"])
    assert len(beaten) == 3, "what runs nothing has nothing to say"


def test_a_run_that_has_ended_is_not_cancelled(either: Jinba) -> None:
    made = greeted(either, "name=Al")
    ended = either("runs", "cancel", made["id"])
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: ")


@pytest.mark.parametrize("arguments", [["stats", "--by", "week"], ["tail", "--status", "lost"]])
def test_what_is_typed_wrong_is_misuse(greeter: Jinba, arguments: list[str]) -> None:
    ended = greeter("runs", *arguments)
    assert (ended.code, ended.out) == (2, "")


def forward(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    for line in process.stdout or ():
        lines.put(line)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C reaches child processes, even where shells have started the tests in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("_interruptible")
def test_runs_are_followed_until_the_user_has_enough(far: Jinba, remote: Remote) -> None:
    first = greeted(far, "name=One")
    command = [PROGRAM, "runs", "tail", "--json", "--every", "0.1", "-n", "1", "--org", remote.org]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=forward, args=(process, lines), daemon=True).start()
        try:
            assert json.loads(lines.get(timeout=WITHIN_S))["id"] == first["id"]
            made = [greeted(far, f"name={name}")["id"] for name in ("Two", "Three", "Four")]
            assert [json.loads(lines.get(timeout=WITHIN_S))["id"] for _ in made] == made
            process.send_signal(signal.SIGINT)
            assert process.wait(WITHIN_S) == 130
        finally:
            process.kill()
    assert lines.empty()
