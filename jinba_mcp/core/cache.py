"""A cache that is exact: everything in it is dropped as soon as the store's generation has moved."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from jinba_mcp.storage.store import Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class GenerationCache(Generic[K, V]):
    """Least recently used entries go first; None is never kept, so that made-up keys cannot fill it."""

    def __init__(self, store: Store, max_entries: int = 10_000) -> None:
        self._store = store
        self._max_entries = max_entries
        self._generation = -1
        self._entries: OrderedDict[K, V] = OrderedDict()

    async def get(self, key: K, load: Callable[[], Awaitable[V | None]]) -> V | None:
        """The entry, loaded when it is not there; None when there is nothing to load."""
        generation = await self._store.generation()
        if generation != self._generation:
            self._entries.clear()
            self._generation = generation
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        value = await load()
        # A change may have come while this was loading; what was read before it must not outlive it.
        if value is not None and generation == self._generation:
            self._entries[key] = value
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
        return value
