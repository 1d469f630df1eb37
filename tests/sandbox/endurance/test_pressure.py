"""Too much of something, or too little: clear refusals in order, and all well again once it is over."""

import asyncio
import resource
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import LimitExceeded
from jinba_mcp.sandbox import pool
from tests.sandbox.endurance import census
from tests.sandbox.endurance.scenes import QUICK, STAGES, Scene, fates, until
from tests.sandbox.endurance.servers import given, needed, serving, told
from tests.sandbox.local.conftest import MakeSetup, Running

pytestmark = pytest.mark.slow

_FEW_DESCRIPTORS = """
async def main():
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    engine = made(sys.argv[3])
    await engine.prepare(setup().program.bundle)
    while asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.sleep(0.001)
    before = census.descriptors()
    lowest = max(map(int, os.listdir("/proc/self/fd"))) + 1
    ends = []
    for spared in range(14):
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + spared, hard))
        # One that has its zygote, and one that needs a new one; each of other code than the one before.
        for digest in ("sha256:1", f"sha256:new {spared}"):
            ends.append(await fate(engine, setup(f"{QUICK}  # {spared}", digest=digest)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tell(ends)
    tell([await fate(engine, setup(digest=digest)) for digest in ("sha256:1", "sha256:new 0")])
    await engine.close()
    tell(census.descriptors() - before)
    tell(sorted(census.descendants(os.getpid())))
    tell(len(list((cache / "tmp").iterdir())))
"""

_FEW_PROCESSES = """
async def main():
    engine = made()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    before = census.descriptors()
    resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))
    tell(await fate(engine, setup()))
    resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
    tell(await fate(engine, setup()))
    await engine.close()
    tell(census.descriptors() - before)
"""


@pytest.mark.parametrize("tier", ["namespaces", "landlock"])
async def test_without_descriptors_runs_are_refused_and_nothing_leaks(place: Path, tier: str) -> None:
    needed(tier)

    with serving(_FEW_DESCRIPTORS, place, tier) as server:
        ends, recovered, leaked, left, folders = [await told(server) for _ in range(5)]

    refused = [each for each in ends if each != 42]
    assert len(refused) > 10
    assert {each.partition(":")[0] for each in refused} == {"SandboxUnavailable"}
    assert any("Too many open files" in each for each in refused)
    assert recovered == [42, 42]
    assert (leaked <= 0, left, folders) == (True, [], 0)


async def test_where_no_process_can_be_started_runs_are_refused(place: Path) -> None:
    user = 65534
    needed("namespaces", user)

    with serving(_FEW_PROCESSES, given(place, user), user=user) as server:
        refused, recovered, leaked = [await told(server) for _ in range(3)]

    assert refused.startswith("SandboxUnavailable: ")
    assert (recovered, leaked <= 0) == (42, True)


async def test_where_a_zygote_cannot_fork_runs_are_refused_until_it_can(running: Running, setup: MakeSetup) -> None:
    quick = setup(QUICK)

    async with running() as engine:
        scene = Scene(engine)
        await engine.prepare(quick.program.bundle)
        (zygote,) = scene.zygotes
        usual = resource.prlimit(zygote.pid, resource.RLIMIT_NPROC)
        resource.prlimit(zygote.pid, resource.RLIMIT_NPROC, (0, usual[1]))
        refused = await fates(scene.started(quick, 2))
        resource.prlimit(zygote.pid, resource.RLIMIT_NPROC, usual)
        recovered = await fates(scene.started(quick, 2))

    assert refused == ["SandboxUnavailable"] * 2
    assert recovered == ["right"] * 2


async def test_who_finds_no_place_waits_in_turn_and_who_finds_no_queue_is_refused(
    running: Running, setup: MakeSetup
) -> None:
    tools = [setup(f"{STAGES['running'].replace('0.3', '0.02')}  # {number}") for number in range(9)]
    order = []

    async with running(sizes=pool.Sizes(max_workers=2, max_waiting=6)) as engine:
        scene = Scene(engine)
        await engine.prepare(tools[0].program.bundle)

        async def numbered(number: int) -> None:
            await engine.run(tools[number], {})
            order.append(number)

        # Two find a place, and while they come up they are in the queue too.
        first = [asyncio.ensure_future(numbered(number)) for number in range(2)]
        await until(lambda: len(engine._pool._busy) == 2)
        waiting = [asyncio.ensure_future(numbered(number)) for number in range(2, 8)]
        await until(lambda: engine._pool._waiting_count == 6)
        with pytest.raises(LimitExceeded):
            await engine.run(tools[8], {})
        await asyncio.gather(*first, *waiting)
        afterwards = await fates(scene.started(tools[8]))

    # Two at a time, so neighbours may overtake each other, and nobody else.
    assert [number // 2 for number in order] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert afterwards == ["right"]


async def test_a_caller_is_not_left_waiting_for_places_that_spares_have_taken(
    running: Running, setup: MakeSetup
) -> None:
    slow, quick = setup(STAGES["loading"]), setup(QUICK)

    async with running(sizes=pool.Sizes(max_workers=1)) as engine:
        scene = Scene(engine)
        await engine.prepare(slow.program.bundle)
        await engine.arm(slow)
        ended = await fates(scene.started(quick, 2))

    assert ended == ["right"] * 2


async def test_a_caller_is_not_left_waiting_for_places_that_reused_workers_have_taken(
    running: Running, setup: MakeSetup
) -> None:
    kept, quick = setup(STAGES["running"], bundle={"mode": "reuse"}), setup(QUICK, bundle={"digest": "sha256:2"})

    async with running(sizes=pool.Sizes(max_workers=1)) as engine:
        scene = Scene(engine)
        runs = scene.started(kept)
        await scene.reached("running")
        ended = await fates([*runs, *scene.started(quick)])

    assert ended == ["right"] * 2


async def test_a_spare_that_nobody_calls_ends(
    running: Running, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SWEEP_S", 0.05)
    quick = setup(QUICK)

    async with running(sizes=pool.Sizes(spare_ttl_s=0.1)) as engine:
        scene = Scene(engine)
        await engine.arm(quick)
        await until(lambda: scene.spare_count)
        await census.gone(scene.processes())
        left = engine._pool.worker_count

    assert left == 0


async def test_a_spare_that_uses_the_processor_before_anybody_calls_is_ended(
    running: Running, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SWEEP_S", 0.05)
    code = """
        import threading
        def loop() -> None:
            while True: pass
        threading.Thread(target=loop, daemon=True).start()
        def run() -> int:
            return 42
        """
    restless = setup(code)

    async with running() as engine:
        scene = Scene(engine)
        await engine.arm(restless)
        await until(lambda: scene.spare_count)
        await census.gone(scene.processes())
        ended = await fates(scene.started(restless))

    assert ended == ["right"]
