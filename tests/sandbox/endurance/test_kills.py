"""Whatever is killed or stopped, and whenever: it costs the runs in it at most, and the next ones find all well."""

import asyncio
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.local import workers
from jinba_mcp.sandbox.local.zygotes import Told, Zygote
from tests.sandbox.endurance import census
from tests.sandbox.endurance.scenes import OTHERS, QUICK, STAGES, Scene, fates, strike, until
from tests.sandbox.local.conftest import MakeSetup, Running

pytestmark = pytest.mark.slow

ENDS = {"right", "WorkerDied"}


@pytest.fixture
def quick_to_suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zygote is given little time to show that it is well."""
    monkeypatch.setattr(workers, "BIRTH_TIMEOUT_S", 2.0)


@pytest.mark.parametrize("stage", STAGES)
async def test_a_killed_worker_costs_its_own_run_at_most(running: Running, setup: MakeSetup, stage: str) -> None:
    struck, others = setup(STAGES[stage]), setup(QUICK, bundle={"digest": OTHERS})

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(struck.program.bundle)
        runs, bystanders = scene.started(struck, 2), scene.started(others, 4)
        await scene.reached(stage)
        scene.strike(scene.processes())
        ended, undisturbed = await fates(runs), await fates(bystanders)
        afterwards = await fates(scene.started(struck, 3))
        await scene.empty()

    assert set(ended) <= ENDS
    assert undisturbed == ["right"] * 4
    assert afterwards == ["right"] * 3


async def test_a_run_whose_worker_is_killed_while_it_runs_is_not_run_twice(running: Running, setup: MakeSetup) -> None:
    stuck = setup("def run() -> None:\n    print('begun', flush=True)\n    while True: pass")

    async with running() as engine:
        scene = Scene(engine)
        runs = scene.started(stuck)
        await scene.reached("running")
        scene.strike(scene.processes())
        ended = await fates(runs)

    assert ended == ["WorkerDied"]


async def test_killed_spares_cost_nothing(running: Running, setup: MakeSetup) -> None:
    quick = setup(QUICK)

    async with running() as engine:
        scene = Scene(engine)
        seen = []
        for _ in range(5):
            await engine.arm(quick)
            await until(lambda: scene.has_only_spares)
            spares = scene.processes()
            scene.strike(spares)
            await census.gone(spares)
            seen += await fates(scene.started(quick))

    assert seen == ["right"] * 5


@pytest.mark.parametrize("mode", ["one_shot", "reuse"])
async def test_a_spare_that_is_killed_before_it_reads_its_call_costs_nothing(
    running: Running, setup: MakeSetup, mode: str
) -> None:
    quick = setup(QUICK, bundle={"mode": mode})

    async with running() as engine:
        scene = Scene(engine)
        assert await fates(scene.started(quick)) == ["right"]
        await until(lambda: scene.has_only_spares)
        spares = scene.processes()
        scene.strike(spares, signal.SIGSTOP)
        runs = scene.started(quick)
        await until(lambda: any(worker._waiting for worker in engine._pool._busy))
        scene.strike(spares)
        ended = await fates(runs)

    assert ended == ["right"]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_stopped_worker_ends_at_its_deadline(running: Running, setup: MakeSetup, stage: str) -> None:
    tool, patient = setup(STAGES[stage], timeout_s=2.0), setup(STAGES[stage])

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(tool.program.bundle)
        runs = scene.started(tool)
        await scene.reached(stage)
        scene.strike(scene.processes(), signal.SIGSTOP)
        ended = await fates(runs)
        afterwards = await fates(scene.started(patient, 2))
        await scene.empty()

    assert set(ended) <= {"right", "Timeout"}
    assert afterwards == ["right"] * 2


@pytest.mark.parametrize("stage", [*STAGES, "idle"])
@pytest.mark.parametrize("which", ["first", "forking", "all"])
async def test_a_killed_zygote_costs_the_runs_in_it_at_most(
    running: Running, setup: MakeSetup, stage: str, which: str
) -> None:
    struck, others = setup(STAGES.get(stage, QUICK)), setup(QUICK, bundle={"digest": OTHERS})

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(struck.program.bundle)
        runs, bystanders = scene.started(struck, 0 if stage == "idle" else 3), scene.started(others, 3)
        if runs:
            await scene.reached(stage)
        for zygote in scene.zygotes:
            chosen = {"first": {zygote.process.pid}, "forking": {zygote.pid}}
            scene.strike(chosen.get(which, {zygote.process.pid, zygote.pid, *scene.processes()}))
        # At once: nobody has been told of its death yet.
        afterwards = await fates(scene.started(struck, 3))
        ended, undisturbed = await fates(runs), await fates(bystanders)
        recovered = await fates(scene.started(struck, 3))
        await scene.empty()

    assert set(ended) <= ENDS
    assert set(afterwards) <= ENDS
    assert (undisturbed, recovered) == (["right"] * 3, ["right"] * 3)


async def test_a_run_finds_a_new_zygote_where_the_old_one_has_just_died(running: Running, setup: MakeSetup) -> None:
    quick = setup(QUICK)

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(quick.program.bundle)
        (zygote,) = scene.zygotes
        strike(zygote.pid)
        # Waited for without the loop, so that the engine cannot know.
        os.waitid(os.P_PID, zygote.process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222  as said
        ended = await fates(scene.started(quick, 3))

    assert ended == ["right"] * 3


@pytest.mark.parametrize("process_count", [1, 2])
async def test_zygotes_killed_again_and_again_while_they_start_cost_no_run(
    running: Running, setup: MakeSetup, process_count: int
) -> None:
    """The first process of a zygote is killed, or also the one that is to fork."""
    quick = setup(QUICK)

    async with running() as engine:
        scene = Scene(engine)
        runs = scene.started(quick, 3)
        for _ in range(6):
            await until(lambda: len(census.descendants(os.getpid())) >= process_count)
            starting = census.descendants(os.getpid())
            strike(max(starting))
            await census.gone(starting)
        ended = await fates(runs)

    assert ended == ["right"] * 3


async def test_workers_killed_again_and_again_before_they_have_begun_cost_no_run(
    running: Running, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = setup(QUICK)
    ordered = Zygote.order
    orders = itertools.count()

    def order_and_die(zygote: Zygote, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        if next(orders) < 6:
            strike(zygote.pid)
        return ordered(zygote, message, descriptors, told)

    monkeypatch.setattr(Zygote, "order", order_and_die)
    async with running() as engine:
        scene = Scene(engine)
        ended = await fates(scene.started(quick))

    assert ended == ["right"]


@pytest.mark.parametrize("stage", ["idle", "running"])
async def test_a_stopped_zygote_is_noticed_and_replaced(
    running: Running, setup: MakeSetup, stage: str, quick_to_suspect: None
) -> None:
    tool = setup(STAGES.get(stage, QUICK), bundle={"prewarm": "off"})

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(tool.program.bundle)
        runs = scene.started(tool, 0 if stage == "idle" else 1)
        if runs:
            await scene.reached(stage)
        (stopped,) = scene.zygotes
        strike(stopped.pid, signal.SIGSTOP)
        began = scene.started(tool, 2)
        ended, afterwards = await fates(runs), await fates(began)
        await census.gone({stopped.pid})

    assert set(ended) <= ENDS
    assert afterwards == ["right"] * 2


async def test_all_processes_killed_at_once_cost_the_runs_in_flight_at_most(running: Running, setup: MakeSetup) -> None:
    slow = [setup(STAGES["running"], bundle={"digest": digest}) for digest in ("sha256:1", OTHERS)]

    async with running() as engine:
        scene = Scene(engine)
        for _ in range(2):
            runs = [task for each in slow for task in scene.started(each, 3)]
            await scene.reached("running")
            scene.strike(census.descendants(os.getpid()))
            assert set(await fates(runs)) <= ENDS
            assert await fates([task for each in slow for task in scene.started(each)]) == ["right"] * 2
        await scene.empty()


@pytest.mark.parametrize("seed", range(3))
async def test_under_a_storm_of_kills_each_costs_the_runs_in_flight_at_most(
    running: Running, setup: MakeSetup, seed: int
) -> None:
    tools = [setup(STAGES["running"].replace("0.3", "0.005"), bundle={"digest": f"sha256:{n}"}) for n in (1, 2, 1, 2)]
    dice = random.Random(seed)  # noqa: S311  the same storm each time
    ends: Counter[str] = Counter()
    numbers = itertools.count()
    struck: set[int] = set()
    kills = 0

    async with running() as engine:
        scene = Scene(engine)

        async def caller(number: int) -> None:
            nonlocal kills
            while next(numbers) < 150:
                ends.update(await fates(scene.started(tools[number])))
                victims = sorted(census.descendants(os.getpid()))
                if victims and not dice.randrange(5):
                    kills += 1
                    victim = dice.choice(victims)
                    struck.add(victim)
                    strike(victim)

        await asyncio.gather(*(caller(number) for number in range(4)))
        await scene.noticed(struck)
        recovered = await fates([scene.started(each)[0] for each in tools])
        await scene.empty()

    assert set(ends) <= ENDS
    assert kills > 10
    assert ends["WorkerDied"] <= 4 * kills
    assert recovered == ["right"] * 4


@pytest.mark.parametrize("stage", ["starting", *STAGES])
async def test_a_caller_who_goes_away_at_any_stage_frees_the_place(
    running: Running, setup: MakeSetup, stage: str
) -> None:
    tool, quick = setup(STAGES.get(stage, QUICK)), setup(QUICK)

    async with running(sizes=pool.Sizes(max_workers=1)) as engine:
        scene = Scene(engine)
        if stage != "starting":
            await engine.prepare(tool.program.bundle)
        before = scene.processes()
        (run,) = scene.started(tool)
        await scene.reached(stage)
        hers = scene.processes() - before
        run.cancel()
        ended = await fates([run])
        if stage in ("running", "answering"):
            # One that was still coming up is kept for the next caller.
            await census.gone(hers)
        afterwards = await fates(scene.started(quick, 2))
        await scene.empty()

    assert (run.cancelled(), ended) == (True, ["CancelledError"])
    assert afterwards == ["right"] * 2


async def test_a_caller_who_goes_away_while_it_waits_for_a_place_is_forgotten(
    running: Running, setup: MakeSetup
) -> None:
    slow, quick = setup(STAGES["running"]), setup(QUICK)

    async with running(sizes=pool.Sizes(max_workers=1, max_waiting=1)) as engine:
        scene = Scene(engine)
        runs = scene.started(slow)
        await scene.reached("running")
        (waiting,) = scene.started(quick)
        await until(lambda: engine._pool._waiting_count)
        waiting.cancel()
        gone, (took_the_place,) = await fates([waiting]), scene.started(quick)
        ended = await fates([*runs, took_the_place])

    assert (gone, ended) == (["CancelledError"], ["right", "right"])


@pytest.mark.parametrize("stage", ["starting", *STAGES])
async def test_closing_at_any_stage_answers_every_run_and_leaves_no_process(
    running: Running, setup: MakeSetup, stage: str
) -> None:
    tool = setup(STAGES.get(stage, QUICK))

    async with running(sizes=pool.Sizes(max_workers=2)) as engine:
        scene = Scene(engine)
        if stage != "starting":
            await engine.prepare(tool.program.bundle)
        before = census.descriptors()
        runs = scene.started(tool, 4)
        await scene.reached(stage)
        processes = census.descendants(os.getpid())
        await engine.close()
        ended = await fates(runs)
        await census.gone(processes)

    assert set(ended) <= {"right", "Cancelled", "ShuttingDown"}
    assert census.descriptors() <= before


async def test_closing_right_after_a_version_was_discarded_answers_its_runs(running: Running, setup: MakeSetup) -> None:
    tool = setup(STAGES["loading"])

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(tool.program.bundle)
        runs = scene.started(tool, 2)
        await scene.reached("loading")
        await engine.discard("sha256:1")
        await engine.close()
        ended = await fates(runs)

    assert set(ended) <= {"Cancelled", "ShuttingDown"}


@pytest.mark.parametrize("stage", ["starting", *STAGES])
async def test_discarding_at_any_stage_disturbs_no_run_and_leaves_nothing(
    running: Running, setup: MakeSetup, stage: str
) -> None:
    tool = setup(STAGES.get(stage, QUICK))

    async with running() as engine:
        scene = Scene(engine)
        if stage != "starting":
            await engine.prepare(tool.program.bundle)
        runs = scene.started(tool, 3)
        await scene.reached(stage)
        await engine.discard("sha256:1")
        ended = await fates(runs)
        await scene.empty()
        left = census.descendants(os.getpid())

    assert ended == ["right"] * 3
    assert not left


@pytest.mark.parametrize("mode", ["one_shot", "reuse"])
async def test_a_loop_that_is_held_up_by_others_makes_no_timeouts_of_answers(
    running: Running, setup: MakeSetup, mode: str
) -> None:
    tool = setup(QUICK, timeout_s=1.5, bundle={"mode": mode})

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(tool.program.bundle)
        ended = []
        for _ in range(2):
            ended += await fates(scene.started(tool))
            runs = scene.started(tool, 2)
            await until(lambda: any(worker.run_count and worker._waiting for worker in engine._pool._busy))
            time.sleep(2.5)  # noqa: ASYNC251  what is tested
            ended += await fates(runs)

    assert ended == ["right"] * 6
