"""Many runs of one engine, one in ten of them hostile; tells what went wrong, and what is left over afterwards."""

import asyncio
import gc
import itertools
import os
import random
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.sandbox.engine import Bundle, Limits, Outcome, OutcomeStatus, Program, Setup
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.zygotes import Zygote
from tests.sandbox.endurance import census, honest, mischief
from tests.sandbox.endurance.census import Census
from tests.sandbox.endurance.honest import Honest
from tests.sandbox.endurance.mischief import SUCCESS, Mischief

BUNDLE_COUNT = 4
HOSTILE_EACH = 10
_MAX_GROWTH_PER_RUN = 512
"""Bytes: 5 MB over ten thousand runs is noise of the allocator."""
_MIN_SAMPLES = 10
_LOOK_EVERY = 100
_MAX_WRONG_TOLD = 20
_MAX_ZYGOTE_DESCRIPTORS = 16
_LOOKS, _LOOK_AGAIN_S = 600, 0.1
_OWN_PID = os.getpid()


@dataclass
class Soak:
    """How it went."""

    run_count: int
    before: Census
    warm: Census | None = None
    after: Census | None = None
    closed: Census | None = None
    elapsed_s: float = 0.0
    honest_count: int = 0
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By name of the mischief and how it ended."""
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    samples: list[tuple[int, int]] = field(default_factory=list)
    """Number of the run, and the server's memory then, in bytes."""
    most_processes: int = 0
    zygotes: list[str] = field(default_factory=list)
    """What is not as it should be inside of zygotes."""

    def found_wrong(self, sentence: str) -> None:
        """Keep the first ones, and count all."""
        self.wrong_count += 1
        if len(self.wrong) < _MAX_WRONG_TOLD:
            self.wrong.append(sentence)

    @property
    def growth_per_run(self) -> float | None:
        """How the server's memory grew in the second half, in bytes per run: the slope of the line of least squares."""
        samples = self.samples[len(self.samples) // 2 :]
        if len(samples) < _MIN_SAMPLES:
            return None
        middle = sum(number for number, _bytes in samples) / len(samples)
        mean = sum(each for _number, each in samples) / len(samples)
        above = sum((number - middle) * (each - mean) for number, each in samples)
        return above / sum((number - middle) ** 2 for number, _bytes in samples)

    def problems(self) -> list[str]:
        """All that must not be, in sentences."""
        found = [*self.wrong, *self.zygotes]
        if self.after is not None:
            found += [f"after the runs: {each}" for each in self.after.more_than(self.warm or self.before)]
        if self.closed is not None:
            found += [f"after the end: {each}" for each in self.closed.more_than(self.before)]
        growth = self.growth_per_run
        if growth is not None and growth > _MAX_GROWTH_PER_RUN:
            found.append(f"the server's memory grew by {growth:.0f} bytes a run")
        return found


async def soaked(
    make_engine: Callable[[], LocalEngine],
    folders: Sequence[Path],
    *,
    run_count: int,
    concurrency: int,
    warm_up_count: int = 0,
    sample_every: int = 250,
    seed: int = 0,
) -> Soak:
    """Run it all; `folders` are where the engine makes files, and `sample_every` runs its memory is looked at."""
    await _built(make_engine())
    soak = Soak(run_count, census.taken(folders))
    engine = make_engine()
    began = time.monotonic()
    try:
        dice = random.Random(seed)  # noqa: S311  the same order each time, so that a failure can be had again
        if warm_up_count:
            await _runs(engine, Soak(0, soak.before), _numbered(warm_up_count, dice), concurrency)
        await _settled(engine)
        soak.warm = census.taken(folders)
        runs = _numbered(run_count, dice)
        for _ in range(0, run_count, sample_every):
            await _runs(engine, soak, itertools.islice(runs, sample_every), concurrency)
            # Between runs: what those in flight hold is no growth.
            gc.collect()
            soak.samples.append((len(soak.samples) * sample_every, census.memory_bytes()))
        soak.elapsed_s = time.monotonic() - began
        soak.zygotes = await _crowded(engine)
        await _settled(engine)
        soak.after = census.taken(folders)
    finally:
        await engine.close()
    await census.idle()
    soak.closed = census.taken(folders)
    return soak


async def _built(engine: LocalEngine) -> None:
    """What is made once and kept: the folder of the runtime."""
    try:
        await engine.prepare(_setup("builds", "", 0, {}).program.bundle)
    finally:
        await engine.close()


def _numbered(count: int, dice: random.Random) -> Iterator[tuple[int, Honest | Mischief]]:
    hostile = itertools.cycle(mischief.ALL)
    for number in range(count):
        yield number, next(hostile) if number % HOSTILE_EACH == HOSTILE_EACH - 1 else dice.choice(honest.ALL)


async def _runs(
    engine: LocalEngine,
    soak: Soak,
    runs: Iterator[tuple[int, Honest | Mischief]],
    concurrency: int,
) -> None:
    async def caller() -> None:
        for number, tool in runs:
            if isinstance(tool, Honest):
                await _honest(engine, soak, number, tool)
            else:
                await _hostile(engine, soak, number, tool)
            if number % _LOOK_EVERY == 0:
                soak.most_processes = max(soak.most_processes, len(census.descendants(_OWN_PID)))

    await asyncio.gather(*(caller() for _ in range(concurrency)))


async def _honest(engine: LocalEngine, soak: Soak, number: int, tool: Honest) -> None:
    soak.honest_count += 1
    try:
        outcome = await engine.run(_setup_of_honest(tool, number), tool.arguments(number))
    except JinbaError as error:
        soak.found_wrong(f"run {number}, '{tool.name}', was refused: {error}")
        return
    if outcome.output != tool.answer(number) or outcome.logs.stdout != tool.prints(number) or outcome.logs.stderr:
        soak.found_wrong(f"run {number}, '{tool.name}', was answered wrong: {_told(outcome)}")


async def _hostile(engine: LocalEngine, soak: Soak, number: int, tool: Mischief) -> None:
    setup = _setup(tool.name, tool.code, number, dict(mischief.LIMITS) | dict(tool.limits))
    try:
        outcome = await engine.run(setup, {})
        end = SUCCESS if outcome.status is OutcomeStatus.SUCCESS else str(outcome.error and outcome.error.name)
        told = _told(outcome)
    except JinbaError as error:
        end, told = type(error).__name__, str(error)
    soak.ends[tool.name, end] += 1
    if not tool.may_end(end):
        soak.found_wrong(f"run {number}, which {tool.name}, ended as it must not: {told}")


def _setup_of_honest(tool: Honest, number: int) -> Setup:
    setup = _setup(tool.name, tool.code, number, {"timeout_s": 30.0}, is_reused=tool.is_reused)
    return Setup(setup.program, setup.limits, tool.env)


def _setup(name: str, code: str, number: int, limits: dict[str, float], *, is_reused: bool = False) -> Setup:
    """Hostile tools are in the same versions as honest ones, and so come out of the same zygotes."""
    digest = "sha256:reused" if is_reused else f"sha256:{number // HOSTILE_EACH % BUNDLE_COUNT}"
    bundle = Bundle(digest=digest, toolset="soak", language="python", mode="reuse" if is_reused else "one_shot")
    program = Program(bundle=bundle, tool=name.replace(" ", "-"), entrypoint="run", code=textwrap.dedent(code))
    return Setup(program, Limits.model_validate(limits))


def _told(outcome: Outcome) -> str:
    return str((outcome.status.value, outcome.error, outcome.output, outcome.logs.stdout[:2], outcome.logs.stderr))[
        :300
    ]


async def _settled(engine: LocalEngine) -> None:
    """Let go of all that is kept, as if no version had been called for long."""
    before = census.descendants(_OWN_PID)
    for digest in ("sha256:reused", *(f"sha256:{number}" for number in range(BUNDLE_COUNT))):
        await engine.discard(digest)
    await census.gone(before)
    await census.idle()


async def _crowded(engine: LocalEngine) -> list[str]:
    """Zygotes that hold on to more than they need, once they have had time to let go of the last runs."""
    for _ in range(_LOOKS):
        found = _crowds(engine)
        if not found:
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
    return found


def _crowds(engine: LocalEngine) -> list[str]:
    found = []
    for nursery in engine._homes._alive:
        if not isinstance(nursery, Zygote):
            continue
        descriptors, children = census.descriptors(nursery.pid), len(census.descendants(nursery.pid))
        if descriptors > _MAX_ZYGOTE_DESCRIPTORS:
            found.append(f"a zygote has {descriptors} descriptors open")
        if children > engine._pool.worker_count + 1:
            found.append(f"a zygote has {children} children, and the pool knows of {engine._pool.worker_count} workers")
    return found
