"""What a run in the sandbox costs, beside other ways to a fresh process, in one run: `python benchmarks/sandbox.py`.

Each row adds two numbers. The bare fork is the floor: a small Python forks for each call, with no wall at all. Read
the ratios, not the rates: machines differ and are shared. The processor time of a run, of the server and all that it
starts together, changes least when others use the machine too.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import uvloop

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Bundle, Engine, Limits, Outcome, Program, Setup
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.sandbox.local.deno import Deno, installed
from jinba_mcp.sandbox.local.engine import LocalEngine

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}\n"
ADD_TYPESCRIPT = "export function run(input: { a: number; b: number }) { return { sum: input.a + input.b }; }\n"
ARGUMENTS = {"a": 2, "b": 3}
FRESH = "import json, sys; given = json.load(sys.stdin); print(json.dumps({'sum': given['a'] + given['b']}))"
FORKING = """
import json, os, sys
for line in sys.stdin:
    reading, writing = os.pipe()
    if not os.fork():
        given = json.loads(line)
        os.write(writing, json.dumps({"sum": given["a"] + given["b"]}).encode())
        os._exit(0)
    os.close(writing)
    print(os.read(reading, 99).decode(), flush=True)
    os.close(reading)
    os.wait()
"""
PAUSE_S = 0.02
TYPESCRIPT_PAUSE_S = 0.1
"""Between calls whose latency is measured: as long as it takes to have the next process ready."""
CALLERS = 4
COLD_STARTS = 3
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # proc(5): utime, stime, cutime, cstime, counted from behind the name in brackets

Call: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass
class Row:
    """One way to run a tool."""

    name: str
    p50_ms: float
    p99_ms: float
    one_core: float
    all_cores: float
    cpu_ms: float
    """Of all processes together, for one run, in the measurement on all cores."""


async def measured(name: str, call: Call, *, count: int, seconds: float, pause_s: float = PAUSE_S) -> Row:
    """Latency with pauses between the calls, then calls per second: on one core, and on all."""
    for _ in range(3):
        await call()
    times = []
    for _ in range(count):
        await asyncio.sleep(pause_s)
        start = time.perf_counter()
        await call()
        times.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(times, n=100)
    # A process inherits its cores from the one that starts it, so what is there already is moved as well.
    with _one_core():
        one, _ = await _rate(call, seconds)
    every, cpu_ms = await _rate(call, seconds)
    return Row(name, cuts[49], cuts[98], one, every, cpu_ms)


async def _rate(call: Call, seconds: float) -> tuple[float, float]:
    """Calls per second, and the milliseconds of processor time that one takes."""
    start, used_ms, done = time.perf_counter(), _cpu_ms(), 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            await call()
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - start), (_cpu_ms() - used_ms) / done


def _cpu_ms() -> float:
    """What this process has used, and all below it, those included that have ended and been waited for."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used_s = sum(use.ru_utime + use.ru_stime for use in uses)
    for pid in _family(os.getpid())[1:]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used_s += sum(map(int, fields[_TIMES])) / _TICKS_PER_S
    return used_s * 1000


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    _move({min(cores)})
    try:
        yield
    finally:
        _move(cores)


def _move(cores: set[int]) -> None:
    for pid in _family(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, cores)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def setup(language: str = "python", mode: str = "one_shot") -> Setup:
    """Adds two numbers."""
    fields = {"digest": f"sha256:{language}-{mode}", "toolset": "bench-tools", "language": language, "mode": mode}
    code = ADD if language == "python" else ADD_TYPESCRIPT
    return Setup(Program(bundle=Bundle.model_validate(fields), tool="add", entrypoint="run", code=code), Limits())


def calling(engine: Engine, given: Setup) -> Call:
    """A call that checks its answer."""

    async def call() -> Outcome:
        outcome = await engine.run(given, {**ARGUMENTS})
        assert outcome.output == {"sum": 5}, outcome
        return outcome

    return call


def starting(command: list[str]) -> Call:
    """A call that starts a program for itself."""

    async def call() -> None:
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = await process.communicate(json.dumps(ARGUMENTS).encode())
        assert json.loads(out) == {"sum": 5}

    return call


async def fork_rows(options: argparse.Namespace) -> list[Row]:
    """Forks of a small Python, several of which work side by side."""
    command = (sys.executable, "-I", "-S", "-c", FORKING)
    parents = [
        await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(CALLERS)
    ]
    free = asyncio.Queue[asyncio.subprocess.Process]()
    for parent in parents:
        free.put_nowait(parent)

    async def call() -> None:
        parent = await free.get()
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(json.dumps(ARGUMENTS).encode() + b"\n")
        assert json.loads(await parent.stdout.readline()) == {"sum": 5}
        free.put_nowait(parent)

    rows = [await measured("bare fork, no walls", call, count=options.count, seconds=options.seconds)]
    for parent in parents:
        parent.kill()
        await parent.wait()
    return rows


async def local_rows(options: argparse.Namespace, cache_dir: Path) -> tuple[list[Row], dict[str, str]]:
    """Our engine in tier A, and what else is worth knowing of it."""
    notes = {}
    engine = LocalEngine(cache_dir, typescript=_deno())
    # The runtime is written to the cache once for each version of the server.
    await engine.prepare(setup().program.bundle)
    await engine.close()
    notes["cold start of a cached ToolSet"] = f"{await _cold_start_ms(cache_dir):.0f} ms"
    engine = LocalEngine(cache_dir, typescript=_deno())
    try:
        kinds = {"sandbox, one process per run": setup(), "sandbox, process used again": setup(mode="reuse")}
        if "typescript" in (await engine.capabilities()).languages:
            kinds["sandbox, TypeScript, one process per run"] = setup("typescript")
        rows = []
        for name, given in kinds.items():
            pause_s = PAUSE_S if given.program.bundle.language == "python" else TYPESCRIPT_PAUSE_S
            call, count, seconds = calling(engine, given), options.count, options.seconds
            rows.append(await measured(name, call, count=count, seconds=seconds, pause_s=pause_s))
            await asyncio.sleep(0.5)
            notes[f"private memory, {name}"] = _private(engine, given)
    finally:
        await engine.close()
    return rows, notes


async def _cold_start_ms(cache_dir: Path) -> float:
    """From nothing but what is in the cache to the first answer, in the middle of a few."""
    times = []
    for _ in range(COLD_STARTS):
        engine = LocalEngine(cache_dir)
        start = time.perf_counter()
        await calling(engine, setup())()
        times.append((time.perf_counter() - start) * 1000)
        await engine.close()
    return statistics.median(times)


def _deno() -> Deno | None:
    try:
        return installed()
    except SandboxUnavailable:
        # Then there is no such row.
        return None


def _private(engine: LocalEngine, given: Setup) -> str:
    """Of the spares that wait for this setup, in the middle."""
    shelves = engine._pool._shelves.items()  # noqa: SLF001  nobody else needs to know
    pids = [spare.pid for job, shelf in shelves if job.setup == given for spare in shelf.spares]
    found = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found.append(sum(int(line.split()[1]) for line in lines if line.startswith("Private_")))
    return f"{statistics.median(found) / 1024:.1f} MiB" if found else "no spare"


async def compared(options: argparse.Namespace) -> None:
    """Measure and print."""
    fresh = [sys.executable, "-I", "-c", FRESH]
    rows = []
    inprocess = InProcessEngine()
    rows.append(await measured("in process", calling(inprocess, setup()), count=options.count, seconds=options.seconds))
    await inprocess.close()
    rows += await fork_rows(options)
    with tempfile.TemporaryDirectory() as folder:
        ours, notes = await local_rows(options, Path(folder))
    rows += ours
    few = {"count": min(options.count, 30), "seconds": options.seconds}
    rows.append(await measured("fresh python -I -c", starting(fresh), **few))
    bwrap = shutil.which("bwrap")
    if bwrap:
        walls = [bwrap, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent"]
        rows.append(await measured("fresh bubblewrap + python -I -c", starting([*walls, *fresh]), **few))
    _print(rows, notes)


def _print(rows: list[Row], notes: dict[str, str]) -> None:
    floor = next(row for row in rows if row.name.startswith("bare fork"))
    titles = ("what", "p50 ms", "p99 ms", "runs/s, one core", "runs/s, all cores", "of bare fork", "CPU ms a run")
    print(f"| {' | '.join(titles)} |")
    print(f"|---|{'---:|' * (len(titles) - 1)}")
    for row in rows:
        rates = f"{row.one_core:,.0f} | {row.all_cores:,.0f} | {row.all_cores / floor.all_cores:.2f}"
        print(f"| {row.name} | {row.p50_ms:.2f} | {row.p99_ms:.2f} | {rates} | {row.cpu_ms:.2f} |")
    print()
    for what, found in notes.items():
        print(f"* {what}: {found}")


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each rate is measured")
    parser.add_argument("--count", type=int, default=150, help="calls for each latency")
    uvloop.run(compared(parser.parse_args()))


if __name__ == "__main__":
    main()
