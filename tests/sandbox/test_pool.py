"""Workers ready before they are needed, and never more than allowed; with workers that only pretend."""

import asyncio
from collections.abc import Callable

import pytest

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.sandbox.pool import Pool, Sizes


class Fake:
    """A worker that is ready when the test says so."""

    def __init__(self, key: str, on_ready: Callable[["Fake"], None]) -> None:
        self.key = key
        self.is_ready = False
        self.is_closed = False
        self._on_ready = on_ready

    def land(self, *, is_ready: bool = True) -> None:
        self.is_ready = is_ready
        self._on_ready(self)

    def close(self) -> None:
        self.is_closed, self.is_ready = True, False


class Scene:
    def __init__(self, *, may_spare: bool = True, **sizes: float) -> None:
        self.started: list[Fake] = []
        self.fails = False
        self.restless: set[Fake] = set()
        self.pool: Pool[str, Fake] = Pool(
            self.start,
            Sizes(**sizes),  # type: ignore[arg-type]  # counts are whole numbers in these tests
            may_spare=lambda _key: may_spare,
            is_restless=self.restless.__contains__,
        )

    def start(self, key: str, on_ready: Callable[[Fake], None]) -> Fake:
        if self.fails:
            raise OSError("no more")
        self.started.append(Fake(key, on_ready))
        return self.started[-1]

    async def taken(self, key: str = "a") -> Fake:
        """A worker that is lent, landed by ourselves if need be."""
        take = asyncio.ensure_future(self.pool.take(key))
        await settled()
        if not take.done():
            self.waiting(key)[0].land()
        return await take

    def waiting(self, key: str) -> list[Fake]:
        return [fake for fake in self.started if fake.key == key and not (fake.is_ready or fake.is_closed)]


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_kind_that_was_called_has_a_spare_for_the_next_call() -> None:
    scene = Scene()
    first = await scene.taken()

    scene.pool.release(first)
    await settled()
    scene.started[1].land()
    second = await scene.pool.take("a")

    assert first.is_closed
    assert second is scene.started[1]


async def test_a_kind_that_keeps_no_spares_has_none() -> None:
    scene = Scene(may_spare=False)

    scene.pool.release(await scene.taken())
    await settled()

    assert len(scene.started) == 1


async def test_the_more_callers_find_no_spare_the_more_there_are() -> None:
    scene = Scene(max_spares=3)
    workers = [await scene.taken() for _ in range(8)]

    for worker in workers:
        scene.pool.release(worker)
    await settled()

    assert len(scene.waiting("a")) == 3


async def test_no_more_workers_than_allowed_and_callers_are_served_in_turn() -> None:
    scene = Scene(max_workers=1, may_spare=False)
    first = await scene.taken("a")
    second, third = (asyncio.ensure_future(scene.pool.take(key)) for key in ("b", "c"))
    await settled()
    assert len(scene.started) == 1

    scene.pool.release(first)
    await settled()
    scene.started[1].land()
    scene.pool.release(await second)
    await settled()
    scene.started[2].land()

    assert [(await third).key, scene.pool.worker_count] == ["c", 1]


async def test_a_spare_makes_room_for_a_caller_of_another_kind() -> None:
    scene = Scene(max_workers=1)
    scene.pool.warm("a")
    scene.started[0].land()

    other = await scene.taken("b")

    assert scene.started[0].is_closed
    assert (other.key, scene.pool.worker_count) == ("b", 1)


async def test_a_spare_that_lands_makes_room_for_a_caller_of_another_kind() -> None:
    scene = Scene(max_workers=1)
    scene.pool.warm("a")
    waiting = asyncio.ensure_future(scene.pool.take("b"))
    await settled()

    scene.started[0].land()
    scene.waiting("b")[0].land()

    assert (await waiting).key == "b"
    assert scene.started[0].is_closed


async def test_a_worker_that_is_given_back_makes_room_for_a_caller_of_another_kind() -> None:
    scene = Scene(max_workers=1, may_spare=False)
    first = await scene.taken("a")
    waiting = asyncio.ensure_future(scene.pool.take("b"))
    await settled()

    scene.pool.give_back(first)
    scene.waiting("b")[0].land()

    assert (await waiting).key == "b"
    assert first.is_closed


async def test_callers_beyond_the_queue_are_refused() -> None:
    scene = Scene(max_waiting=1)
    waiting = asyncio.ensure_future(scene.pool.take("a"))
    await settled()

    with pytest.raises(LimitExceeded):
        await scene.pool.take("a")

    scene.started[0].land()
    await waiting


async def test_a_caller_who_goes_away_leaves_the_worker_to_the_next() -> None:
    scene = Scene()
    gone = asyncio.ensure_future(scene.pool.take("a"))
    await settled()
    gone.cancel()
    await settled()

    scene.started[0].land()

    assert await scene.pool.take("a") is scene.started[0]


async def test_a_caller_who_goes_away_with_the_worker_in_hand_gives_it_back() -> None:
    scene = Scene(may_spare=False)
    gone = asyncio.ensure_future(scene.pool.take("a"))
    await settled()
    scene.started[0].land()
    gone.cancel()
    await settled()

    assert scene.started[0].is_closed
    assert scene.pool.worker_count == 0


async def test_who_waits_for_a_worker_that_cannot_be_started_is_told() -> None:
    scene = Scene()
    scene.fails = True

    with pytest.raises(OSError, match="no more"):
        await scene.pool.take("a")

    assert scene.pool.worker_count == 0


async def test_a_worker_that_is_lost_while_it_is_armed_goes_to_its_caller_and_no_further() -> None:
    scene = Scene()
    take = asyncio.ensure_future(scene.pool.take("a"))
    await settled()

    scene.started[0].land(is_ready=False)
    scene.pool.release(await take)
    await settled()

    assert len(scene.started) == 1


async def test_a_dead_spare_is_passed_over() -> None:
    scene = Scene()
    scene.pool.warm("a")
    scene.started[0].land()
    scene.started[0].is_ready = False

    other = await scene.taken()

    assert other is scene.started[1]
    assert scene.started[0].is_closed


async def test_a_worker_that_is_given_back_serves_whoever_waits() -> None:
    scene = Scene(max_workers=1, may_spare=False)
    first = await scene.taken()
    waiting = asyncio.ensure_future(scene.pool.take("a"))
    await settled()

    scene.pool.give_back(first)

    assert await waiting is first


async def test_discarding_ends_spares_and_lets_callers_go_on() -> None:
    scene = Scene()
    busy = await scene.taken()
    scene.pool.warm("a")
    spare = scene.waiting("a")[0]
    spare.land()

    scene.pool.discard(lambda key: key == "a")

    assert (spare.is_closed, busy.is_closed) == (True, False)
    scene.pool.release(busy)
    await settled()
    assert scene.pool.worker_count == 0


async def test_sweeping_ends_what_is_idle_restless_or_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(max_spares=2)
    for key in ("idle", "restless"):
        scene.pool.warm(key)
        scene.waiting(key)[0].land()
    idle, restless = scene.started
    scene.restless.add(restless)
    scene.pool._shelves["idle"].used_at = -1e9

    scene.pool._sweep()

    assert idle.is_closed
    assert restless.is_closed
    assert scene.pool.worker_count == 0


async def test_spares_that_nobody_needed_grow_fewer() -> None:
    scene = Scene(max_spares=3)
    for worker in [await scene.taken() for _ in range(3)]:
        scene.pool.release(worker)
    await settled()
    for worker in scene.waiting("a"):
        worker.land()

    for _ in range(5):
        scene.pool._sweep()

    assert scene.pool.worker_count == 1


async def test_closing_ends_all_workers_and_tells_who_waits() -> None:
    scene = Scene(max_workers=2)
    busy = await scene.taken("a")
    waiting = [asyncio.ensure_future(scene.pool.take(key)) for key in ("b", "c")]
    await settled()

    scene.pool.close()

    assert all(worker.is_closed for worker in scene.started)
    for each in waiting:
        with pytest.raises(ShuttingDown):
            await each
    with pytest.raises(ShuttingDown):
        await scene.pool.take("a")
    scene.pool.release(busy)


async def test_closing_right_after_a_run_ends_its_worker_too() -> None:
    scene = Scene()
    worker = await scene.taken()

    scene.pool.release(worker)
    scene.pool.close()

    assert worker.is_closed
    await settled()
    assert scene.pool.worker_count == 0


async def test_closing_right_after_discarding_ends_what_is_armed_and_tells_who_waits() -> None:
    scene = Scene()
    waiting = asyncio.ensure_future(scene.pool.take("a"))
    await settled()

    scene.pool.discard(lambda _key: True)
    scene.pool.close()

    assert scene.started[0].is_closed
    with pytest.raises(ShuttingDown):
        await waiting
