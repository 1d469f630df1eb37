"""Takes are counted as a list of instants would count them, places as a list of holders: in memory, and in Redis."""

import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain.limits import Window, per_day, per_minute
from jinba_mcp.storage import redis_counters
from jinba_mcp.storage.counters import Counters, MemoryCounters
from jinba_mcp.storage.redis_counters import RedisCounters
from tests import redis
from tests.storage.holding import HELD_S
from tests.worlds import StillClock

STEPS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([0, 1, 10, 20, 30, 60])), max_size=60)
"""Whole seconds, so that some takes fall on the very end of a window."""


@pytest.fixture(params=redis.KINDS)
async def counters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counters]:
    monkeypatch.setattr(redis_counters, "_ANSWER_S", 60.0)
    made: Counters = MemoryCounters(StillClock()) if request.param == "memory" else RedisCounters(redis.URL)
    yield made
    await made.close()


@pytest.fixture
def name() -> str:
    return secrets.token_hex(8)


@pytest.mark.parametrize("window", [per_minute(3), per_day(3)], ids=["minute", "day"])
async def test_so_many_are_let_in_and_then_none(counters: Counters, name: str, window: Window) -> None:
    found = [await counters.take(name, window) for _ in range(5)]
    assert [standing.is_taken for standing in found] == [True, True, True, False, False]
    assert [standing.remaining for standing in found] == [2, 1, 0, 0, 0]
    assert all(window.seconds / 2 < standing.reset_s <= window.seconds for standing in found)


async def test_each_name_is_counted_by_itself(counters: Counters, name: str) -> None:
    assert (await counters.take(name, per_minute(1))).is_taken
    assert (await counters.take(name + "-other", per_minute(1))).is_taken
    assert not (await counters.take(name, per_minute(1))).is_taken


async def test_of_many_at_once_exactly_as_many_get_in_as_may(counters: Counters, name: str) -> None:
    got_in: list[bool] = []

    async def take() -> None:
        got_in.append((await counters.take(name, per_minute(20))).is_taken)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(take)
    assert sum(got_in) == 20


async def test_so_many_places_are_held_and_one_that_is_left_is_free(counters: Counters, name: str) -> None:
    caps = {name: 2}
    assert [await counters.enter(place, caps) for place in ("a", "b", "c")] == [None, None, name]
    await counters.leave("a", [name])
    assert [await counters.enter(place, caps) for place in ("c", "d")] == [None, name]


async def test_who_is_refused_under_one_name_holds_no_place_under_another(counters: Counters, name: str) -> None:
    wide, narrow = f"{name}-wide", f"{name}-narrow"
    assert await counters.enter("a", {wide: 2, narrow: 1}) is None
    assert await counters.enter("b", {wide: 2, narrow: 1}) == narrow
    assert await counters.enter("c", {wide: 2}) is None
    assert await counters.enter("d", {wide: 2}) == wide


async def test_of_many_at_once_exactly_as_many_hold_a_place_as_may(counters: Counters, name: str) -> None:
    entered: list[bool] = []

    async def enter(place: str) -> None:
        entered.append(await counters.enter(place, {name: 20}) is None)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(enter, str(number))
    assert sum(entered) == 20


async def test_renewing_holds_places_no_longer_than_they_are_held(counters: Counters, name: str) -> None:
    assert await counters.enter("a", {name: 1}) is None
    await counters.renew()
    assert await counters.enter("b", {name: 1}) == name
    await counters.leave("a", [name])
    await counters.renew()
    assert await counters.enter("b", {name: 1}) is None


async def test_in_redis_a_short_window_frees_itself(name: str) -> None:
    if not redis.answers():
        return
    counters, window = RedisCounters(redis.URL), Window(count=1, seconds=1)
    try:
        assert (await counters.take(name, window)).is_taken
        refused = await counters.take(name, window)
        await anyio.sleep(refused.reset_s + 0.01)
        assert (await counters.take(name, window)).is_taken
    finally:
        await counters.close()


@pytest.mark.slow
async def test_in_redis_a_process_that_is_killed_gives_its_places_back(name: str) -> None:
    if not redis.answers():
        return
    command = [sys.executable, "-m", "tests.storage.holding", redis.URL, name]
    counters = RedisCounters(redis.URL, lease_s=HELD_S)
    try:
        with anyio.fail_after(30):
            async with await anyio.open_process(command, cwd=Path(__file__).parents[2]) as process:
                assert process.stdout is not None
                assert (await process.stdout.receive()).startswith(b"held")
                # Longer than the lease: it is renewed, and held, for as long as the process lives.
                await anyio.sleep(1.5 * HELD_S)
                assert await counters.enter("mine", {name: 1}) == name
                process.kill()
                await process.wait()
            while await counters.enter("mine", {name: 1}) is not None:
                pass
    finally:
        await counters.close()


@given(steps=STEPS, count=st.integers(1, 5))
async def test_a_moving_window_holds_no_more_than_its_count_at_any_time(
    steps: list[tuple[str, int]], count: int
) -> None:
    clock = StillClock()
    counters, window = MemoryCounters(clock), per_minute(count)
    model: dict[str, list[float]] = {"a": [], "b": []}
    for name, pause_s in steps:
        clock.advance(seconds=pause_s)
        now = clock().timestamp()
        inside = [at for at in model[name] if at > now - 60]
        standing = await counters.take(name, window)
        assert standing.is_taken == (len(inside) < count)
        if standing.is_taken:
            model[name].append(now)
            inside.append(now)
        assert standing.remaining == count - len(inside)
        assert standing.reset_s == pytest.approx(inside[0] + 60 - now)


@given(steps=st.lists(st.sampled_from([0, 1, 21_600, 43_200, 86_400]), max_size=40), count=st.integers(1, 5))
async def test_a_day_begins_with_its_first_take(steps: list[int], count: int) -> None:
    clock = StillClock()
    counters = MemoryCounters(clock)
    end, taken = 0.0, 0
    for pause_s in steps:
        clock.advance(seconds=pause_s)
        now = clock().timestamp()
        if end <= now:
            end, taken = now + 86_400, 0
        standing = await counters.take("a", per_day(count))
        assert standing.is_taken == (taken < count)
        taken += standing.is_taken
        assert standing.remaining == count - taken
        assert standing.reset_s == pytest.approx(end - now)


@pytest.mark.parametrize("window", [per_minute(1), per_day(1)], ids=["minute", "day"])
async def test_names_are_forgotten_before_they_fill_the_memory(window: Window) -> None:
    counters = MemoryCounters(StillClock(), max_remembered=2)
    for name in ("a", "b", "c"):
        await counters.take(name, window)
    assert not (await counters.take("c", window)).is_taken
    assert (await counters.take("a", window)).is_taken
