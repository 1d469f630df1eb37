"""The runner itself, started as on a machine."""

import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.sandbox.remote import runner
from jinba_mcp.sandbox.remote.engine import _request
from jinba_mcp.sandbox.remote.runner import MAX_PROGRESS_COUNT
from tests.sandbox.remote.conftest import setup_of

Running = Callable[..., contextlib.AbstractContextManager["Runner"]]
START = "import sys; sys.path[:0] = [sys.argv[1]]; from jinba_mcp.sandbox.remote.runner import main; main()"
ROOT = Path(__file__).parents[3]


class Runner:
    """One process, and the frames it wrote."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    @staticmethod
    def read(raw: bytes) -> list[tuple[str, bytes]]:
        return [(line[:1].decode(), line[2:]) for line in raw.splitlines()]

    def frames(self) -> list[tuple[str, bytes]]:
        assert self.process.stdout is not None
        return self.read(self.process.stdout.read())

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()


@pytest.fixture
def command(measured: str) -> list[str]:
    """What starts a runner."""
    return [sys.executable, "-I", "-c", measured + START, str(ROOT)]


@contextlib.contextmanager
def started(command: list[str], code: str, env: dict[str, str] | None = None, **limits: float) -> Iterator[Runner]:
    """A runner with the request for one call."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        runner = Runner(process)
        try:
            runner.say(_request(setup_of(code, env=Env(env or {}), **limits), "run", {}))
            yield runner
        except BaseException:
            # Otherwise it ends by itself, which is part of what is tested.
            process.kill()
            raise


@pytest.fixture
def running(command: list[str]) -> Running:
    """As `started`, with the command that there is."""
    return functools.partial(started, command)


def result_of(frames: list[tuple[str, bytes]]) -> dict[str, Any]:
    (result,) = [json.loads(base64.b64decode(payload)) for kind, payload in frames if kind == "R"]
    return dict(result)


def end_of(frames: list[tuple[str, bytes]]) -> dict[str, Any]:
    assert frames[-1][0] == "X"
    return dict(json.loads(frames[-1][1]))


def test_what_a_tool_leaves_running_is_ended_with_it(running: Running) -> None:
    code = """
import os, time
def run():
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            time.sleep(60)
        os._exit(0)
    return int(os.read(read, 20))
"""
    with running(code) as runner:
        frames = runner.frames()
    assert not Path(f"/proc/{result_of(frames)['output']}").exists()


def test_stop_ends_the_tool_at_once(running: Running) -> None:
    with running("import time\ndef run():\n    print('in', flush=True)\n    time.sleep(60)") as runner:
        runner.say(b"\n")
        assert runner.process.stdout is not None
        runner.process.stdout.readline()
        runner.say(b"stop\n")
        assert end_of(runner.frames())["limit"] == "stopped"


def test_stop_before_the_tool_began_is_heard_too(command: list[str]) -> None:
    request = _request(setup_of("def run(): return 1"), "run", {})
    done = subprocess.run(command, input=request + b"\nstop\n", capture_output=True, check=False)
    assert done.stdout == b""


def test_the_end_of_the_input_is_not_a_stop(running: Running) -> None:
    with running("import time\ndef run():\n    time.sleep(0.2)\n    return 1") as runner:
        assert runner.process.stdin is not None
        runner.process.stdin.close()
        assert result_of(runner.frames())["output"] == 1


def test_the_tool_has_three_descriptors_and_a_channel_a_home_and_no_other_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERVER_SECRET", "x")
    code = """
import os
def run():
    open('file', 'w').close()
    return [sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1], sorted(os.environ), os.getcwd()]
"""
    # Not measured, which would take a descriptor.
    with started([sys.executable, "-I", "-c", START, str(ROOT)], code, {"TOKEN": "t"}) as runner:
        descriptors, keys, home = result_of(runner.frames())["output"]
    assert [fd for fd in descriptors if fd != 3] == [0, 1, 2]
    assert keys == ["HOME", "LANG", "PATH", "TMPDIR", "TOKEN"]
    assert not Path(home).exists()


def test_floods_are_cut_on_every_channel(running: Running) -> None:
    code = """
import os, sys
from jinba_mcp.authoring import progress
def run():
    for i in range(5000):
        progress(i)
    sys.stdout.write('x' * 10**6)
    sys.stderr.write('y' * 10**6)
    return 1
"""
    with running(code, log_bytes=1000) as runner:
        frames = runner.frames()
    assert result_of(frames)["output"] == 1
    assert sum(1 for kind, _ in frames if kind == "P") == MAX_PROGRESS_COUNT
    for stream in "OE":
        assert sum(len(base64.b64decode(payload)) for kind, payload in frames if kind == stream) == 1001


def test_the_time_is_kept_even_if_the_tool_ignores_signals(running: Running) -> None:
    code = "import signal, time\ndef run():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(60)"
    with running(code, timeout_s=0.3) as runner:
        assert end_of(runner.frames()) == {"limit": "timeout", "signal": 9, "code": None}


def test_privileges_cannot_be_gained(running: Running) -> None:
    code = "def run():\n    return [line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')]"
    with running(code) as runner:
        assert result_of(runner.frames())["output"] == ["NoNewPrivs:\t1\n"]


def test_without_a_request_it_ends(command: list[str]) -> None:
    done = subprocess.run(command, input=b"", capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == 1
    assert done.stdout == b""


BROKEN = "def run(:"


def test_a_tool_that_cannot_be_loaded_is_told_with_its_line(running: Running) -> None:
    with running(BROKEN) as runner:
        told = result_of(runner.frames())
    assert (told["ok"], told["fault"]["line"]) == (False, 1)


def test_a_tool_describes_itself_or_says_why_not(command: list[str]) -> None:
    def described(code: str) -> dict[str, Any]:
        request = _request(setup_of(code), "describe", {})
        done = subprocess.run(command, input=request, capture_output=True, check=True)
        return result_of(Runner.read(done.stdout))

    assert described("def run(n: int) -> int: return n")["signature"]["input_schema"]["required"] == ["n"]
    assert described(BROKEN)["fault"]["line"] == 1


def test_a_tool_that_is_killed_by_none_of_its_limits_is_told_by_the_signal(running: Running) -> None:
    with running("import os\ndef run():\n    os.kill(os.getpid(), 9)") as runner:
        assert end_of(runner.frames()) == {"limit": None, "signal": 9, "code": None}


@pytest.mark.parametrize(
    ("events", "used_s", "limit"),
    [
        ("oom 1\noom_kill 1\n", 0.5, "memory"),
        ("oom 1\noom_kill 1\n", 2.0, "cpu"),
        ("oom 0\noom_kill 0\n", 0.5, None),
        ("low 0\n", 0.5, None),
        (None, 0.5, None),
    ],
)
def test_who_killed_a_tool_is_told_by_what_the_kernel_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, events: str | None, used_s: float, limit: str | None
) -> None:
    file = tmp_path / "memory.events"
    if events is not None:
        file.write_text(events)
    monkeypatch.setattr(runner, "_OOM_EVENTS", (str(file),))
    watch = runner.Watch({"limits": {"log_bytes": 1, "cpu_s": 2}})

    assert watch._guess(used_s) == limit


def test_a_request_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x" * 20)
    monkeypatch.setattr(runner, "MAX_REQUEST_BYTES", 9)
    true_read = os.read
    monkeypatch.setattr(os, "read", lambda _fd, _count: true_read(reading, 10))

    with pytest.raises(SystemExit, match="no request came"):
        runner._read_line()

    os.close(reading)
    os.close(writing)


def test_what_forges_a_result_without_end_is_forgotten(capfd: pytest.CaptureFixture[str]) -> None:
    watch = runner.Watch({"limits": {"log_bytes": 1, "cpu_s": 2, "output_bytes": 10}})

    watch._pass_lines_on(b"R " + b"x" * 200_000)
    watch._pass_lines_on(b"\nZ unknown\nR eA==\n")

    assert capfd.readouterr().out == "R eA==\n"
