"""`jinba-mcp toolsets dev`, as the process that it is: what it says is read line by line."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import GREET, AddTool, Jinba

pytestmark = pytest.mark.slow

PROGRAM = str(Path(sys.executable).with_name("jinba-mcp"))
WITHIN_S = 60


class Lines:
    """The events that the process tells of."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        return json.loads(self._said.get(timeout=WITHIN_S))

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._said.put(line)


@contextmanager
def developing(folder: Path, **extra: str) -> Iterator[Lines]:
    command = [PROGRAM, "toolsets", "dev", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(command, env=os.environ | extra, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Lines(process)
        finally:
            process.kill()


def ask(ready: Any, method: str, path: str, body: object = None) -> Any:
    url = f"{ready['url']}/v1/orgs/default/toolsets/greeting-tools/{path}"
    headers = {"Authorization": f"Bearer {ready['key']}"}
    return httpx2.request(method, url, json=body, headers=headers, timeout=WITHIN_S).json()


def greet(ready: Any) -> Any:
    return ask(ready, "POST", "tools/greet/run", {"name": "Al"})


@pytest.mark.usefixtures("empty_data_dir")
def test_a_folder_is_served_as_it_is_written_and_what_is_wrong_stops_nothing(add_tool: AddTool, tmp_path: Path) -> None:
    folder = add_tool()
    with developing(folder) as lines:
        loaded = {"event": "loaded", "slug": "greeting-tools", "version": "1.0.0", "tools": ["greet"]}
        assert lines.next() == loaded
        ready = lines.next()
        assert ready["event"] == "ready"
        assert greet(ready)["output"] == {"message": "Hello, Al!"}
        ran = lines.next()
        assert (ran["event"], ran["tool"], ran["status"]) == ("run", "greeting-tools/greet", "success")

        add_tool("def run(:\n    pass\n")
        broken = lines.next()
        assert (broken["event"], broken["slug"]) == ("broken", "greeting-tools")
        assert "greet/main.py line 1, column 9" in broken["problem"]
        assert greet(ready)["version"] == "1.0.0"
        assert lines.next()["event"] == "run"

        add_tool(GREET.replace("Hello", "Welcome"))
        assert lines.next() == {**loaded, "version": "1.0.1"}
        assert greet(ready)["output"] == {"message": "Welcome, Al!"}
        assert lines.next()["event"] == "run"

        (folder / "toolset.yml").write_text("name: Greetings\nname: Twice\n")
        assert "toolset.yml: line 2, column 1: " in lines.next()["problem"]
        lines.process.send_signal(signal.SIGINT)
        assert lines.process.wait(WITHIN_S) == 130
    assert not (tmp_path / "data" / "jinba.db").exists(), "the registry of this machine was used"


@pytest.mark.usefixtures("empty_data_dir")
def test_secrets_come_from_the_environment(add_tool: AddTool) -> None:
    folder = add_tool()
    with (folder / "toolset.yml").open("a") as yml:
        yml.write("env: [{key: TOKEN, secret: true}]\n")
    with developing(folder, TOKEN="hunter2") as lines:
        assert lines.next()["event"] == "loaded"
        ready = lines.next()
        (variable,) = ask(ready, "GET", "env")["data"]
        assert (variable["key"], variable["secret"], variable["isSet"]) == ("TOKEN", True, True)


@pytest.mark.usefixtures("empty_data_dir")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_its_registry_is_gone_however_it_is_ended(add_tool: AddTool, tmp_path: Path, number: signal.Signals) -> None:
    folder, temporary = add_tool(), tmp_path / "tmp"
    temporary.mkdir()
    with (folder / "toolset.yml").open("a") as yml:
        yml.write("env: [{key: TOKEN, secret: true}]\n")
    with developing(folder, TOKEN="hunter2", TMPDIR=str(temporary)) as lines:
        assert [lines.next()["event"] for _ in range(2)] == ["loaded", "ready"]
        assert [*temporary.glob("jinba-dev-*/secret.key")] != []
        lines.process.send_signal(number)
        assert lines.process.wait(WITHIN_S) == (0 if number == signal.SIGTERM else 130)
    assert [*temporary.glob("jinba-dev-*")] == []


def test_a_directory_that_is_not_there_is_misuse(jinba: Jinba, tmp_path: Path) -> None:
    assert jinba("toolsets", "dev", str(tmp_path / "nowhere")).code == 2
