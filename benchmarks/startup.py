"""How long `jinba-mcp` takes until it is of use: `--help`, `serve` until ready, `stdio` until its first list."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import servers
from servers import BOOT_TIMEOUT_S, JINBA, STOP_TIMEOUT_S

TOOLSETS = servers.HERE.parent / "toolsets"
_MESSAGES = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)


def main() -> None:
    """Start everything several times, and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    servers.begin(core=None)
    print("| what | wall s | CPU s | slowest wall s |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="jinba-bench-") as folder:
        environment = _environment(Path(folder) / "used")
        _serve(environment)
        for what, start in (
            ("`--help`", lambda: _help(environment)),
            ("`serve` until ready", lambda: _serve(environment)),
            ("`stdio` until its first list of tools", lambda: _stdio(environment)),
            ("`serve` for the first time, until ready", lambda: _serve(_fresh(Path(folder)))),
            ("`stdio` for the first time, until its first list", lambda: _stdio(_fresh(Path(folder)))),
        ):
            _tell(what, start, options.times)
    print(f"\nMedians of {options.times} starts, compiled files at hand, the shipped ToolSets. CPU is of all processes")
    print("that were started, their ends included.")


def _tell(what: str, start: Callable[[], float], times: int) -> None:
    walls, cpus = [], []
    for _ in range(times):
        before = _cpu_s()
        walls.append(start())
        cpus.append(_cpu_s() - before)
    print(f"| {what} | {statistics.median(walls):.2f} | {statistics.median(cpus):.2f} | {max(walls):.2f} |", flush=True)


def _cpu_s() -> float:
    """Processor time of all that was started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(folder: Path) -> Mapping[str, str]:
    return {**servers.own_environment(), **servers.settings_in(folder, TOOLSETS)}


def _fresh(folder: Path) -> Mapping[str, str]:
    return _environment(Path(tempfile.mkdtemp(dir=folder)))


def _help(environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([JINBA, "--help"], env=environment, check=True, capture_output=True, timeout=BOOT_TIMEOUT_S)
    return time.perf_counter() - began


def _serve(environment: Mapping[str, str]) -> float:
    """Until the line that says that it answers, which comes when it does."""
    began = time.perf_counter()
    with _started([JINBA, "serve", "--port", "0", "--json"], environment) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        took = time.perf_counter() - began
        assert ready["ready"]
    return took


def _stdio(environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with _started([JINBA, "stdio"], environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in _MESSAGES:
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        took = time.perf_counter() - began
        assert answers[1]["result"]["tools"]
    return took


@contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
