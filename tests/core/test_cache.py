"""The cache: never older than the store, never larger than its bound, never filled by what is not there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import anyio
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.storage.store import Store
from tests.domain.generated import modestly


@dataclass
class Registry:
    """As much of a store as the cache asks for: values, and a number that moves when one of them does."""

    values: dict[str, str] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    generation_count: int = 0
    last_generation: int = -1
    is_looked_at: bool = True

    async def generation(self) -> int:
        self.last_generation = self.generation_count
        return self.generation_count

    def generation_at_hand(self) -> int | None:
        return self.generation_count if self.is_looked_at else None

    def change(self, **values: str) -> None:
        self.values |= values
        self.generation_count += 1

    def load(self, key: str) -> Callable[[], Awaitable[str | None]]:
        async def load() -> str | None:
            self.loaded.append(key)
            return self.values.get(key)

        return load


def caching(registry: Registry, max_entries: int = 10) -> GenerationCache[str, str]:
    store = cast("Store", registry)  # the cache asks it for its generation and nothing else
    return GenerationCache(store, max_entries)


async def test_what_was_loaded_is_not_loaded_again() -> None:
    registry = Registry({"a": "1"})
    cache = caching(registry)
    assert [await cache.get("a", registry.load("a")) for _ in range(3)] == ["1", "1", "1"]
    assert registry.loaded == ["a"]


async def test_what_is_known_is_what_was_loaded_since_the_last_change_that_was_seen() -> None:
    registry = Registry({"a": "1", "b": "1"})
    cache, other = caching(registry), caching(registry)
    assert cache.known("a") is None
    await cache.get("a", registry.load("a"))
    assert (cache.known("a"), cache.known("b")) == ("1", None)
    registry.change(a="2")
    assert cache.known("a") == "1"
    await other.get("b", registry.load("b"))
    assert cache.known("a") is None
    assert await cache.get("a", registry.load("a")) == "2"
    assert cache.known("a") == "2"


async def test_at_hand_is_what_is_right_for_sure() -> None:
    registry = Registry({"a": "1"})
    cache = caching(registry)
    assert cache.at_hand("a") is None
    await cache.get("a", registry.load("a"))
    assert cache.at_hand("a") == "1"
    registry.is_looked_at = False
    assert cache.at_hand("a") is None
    registry.is_looked_at = True
    registry.change(a="2")
    assert cache.at_hand("a") is None


async def test_all_who_load_an_entry_at_once_get_the_same_object() -> None:
    cache: GenerationCache[str, list[str]] = GenerationCache(cast("Store", Registry()))
    may_go_on, found = anyio.Event(), []

    async def slow() -> list[str]:
        await may_go_on.wait()
        return []

    async def ask() -> None:
        found.append(await cache.get("a", slow))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        may_go_on.set()
    assert len(found) == 3
    assert all(each is found[0] for each in found)


async def test_after_a_change_everything_is_loaded_again() -> None:
    registry = Registry({"a": "1", "b": "1"})
    cache = caching(registry)
    for key in ("a", "b"):
        await cache.get(key, registry.load(key))
    registry.change(b="2")
    assert [await cache.get(key, registry.load(key)) for key in ("a", "b")] == ["1", "2"]
    assert registry.loaded == ["a", "b", "a", "b"]


async def test_a_change_that_comes_while_a_value_loads_is_seen_by_the_next_to_ask() -> None:
    registry = Registry({"a": "old"})
    cache = caching(registry)

    async def read_then_overtaken() -> str | None:
        value = registry.values["a"]
        registry.change(a="new")
        return value

    assert await cache.get("a", read_then_overtaken) == "old"
    assert await cache.get("a", registry.load("a")) == "new"


async def test_a_slow_load_from_before_a_change_is_not_kept_once_others_have_seen_the_change() -> None:
    registry = Registry({"a": "old", "b": "1"})
    cache = caching(registry)
    is_read, may_go_on = anyio.Event(), anyio.Event()
    answers: list[str | None] = []

    async def slow() -> str | None:
        value = registry.values["a"]
        is_read.set()
        await may_go_on.wait()
        return value

    async def ask_slowly() -> None:
        answers.append(await cache.get("a", slow))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_slowly)
            await is_read.wait()
            registry.change(a="new")
            assert await cache.get("b", registry.load("b")) == "1"
            may_go_on.set()
        assert answers == ["old"]
        assert await cache.get("a", registry.load("a")) == "new"


async def test_what_is_not_there_is_asked_for_again_each_time() -> None:
    registry = Registry()
    cache = caching(registry)
    assert await cache.get("a", registry.load("a")) is None
    registry.values["a"] = "1"
    assert await cache.get("a", registry.load("a")) == "1"


async def test_made_up_keys_do_not_push_out_real_ones() -> None:
    registry = Registry({"a": "1"})
    cache = caching(registry, max_entries=1)
    await cache.get("a", registry.load("a"))
    for number in range(50):
        await cache.get(f"made-up-{number}", registry.load("nothing"))
    registry.loaded.clear()
    await cache.get("a", registry.load("a"))
    assert registry.loaded == []


async def test_an_empty_value_is_a_value() -> None:
    registry = Registry({"a": ""})
    cache = caching(registry)
    for _ in range(2):
        assert await cache.get("a", registry.load("a")) == ""
    assert registry.loaded == ["a"]


async def test_when_it_is_full_the_least_recently_used_goes() -> None:
    registry = Registry({"a": "1", "b": "2", "c": "3"})
    cache = caching(registry, max_entries=2)
    for key in ("a", "b", "a", "c"):
        await cache.get(key, registry.load(key))
    registry.loaded.clear()
    for key in ("a", "c", "b"):
        await cache.get(key, registry.load(key))
    assert registry.loaded == ["b"]


async def test_a_load_that_fails_leaves_nothing_behind() -> None:
    registry = Registry({"a": "1"})
    cache = caching(registry)

    async def fail() -> str | None:
        raise ConnectionError

    try:
        await cache.get("a", fail)
    except ConnectionError:
        pass
    else:
        raise AssertionError("the failure was swallowed")
    assert await cache.get("a", registry.load("a")) == "1"


@modestly
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.sampled_from(["1", "2"])), max_size=30))
def test_through_the_cache_one_always_sees_what_is_in_the_store(steps: list[tuple[str, str | None]]) -> None:
    """Each step changes a value or asks for one."""

    async def walk() -> None:
        registry = Registry()
        cache = caching(registry, max_entries=2)
        for key, value in steps:
            if value is not None:
                registry.change(**{key: value})
            assert await cache.get(key, registry.load(key)) == registry.values.get(key)

    anyio.run(walk)
