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

    def known(self, key: K) -> V | None:
        """The entry, if it is there and no change was seen since: for who has looked for changes a moment ago."""
        return self._entries.get(key) if self._generation == self._store.last_generation else None

    def at_hand(self, key: K) -> V | None:
        """`get` for who is in a hurry: the entry, if it is there and is known to be right without any waiting."""
        if self._generation != self._store.generation_at_hand():
            return None
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    async def get(self, key: K, load: Callable[[], Awaitable[V | None]]) -> V | None:
        """The entry, loaded when it is not there; None when there is nothing to load."""
        generation = await self._store.generation()
        if generation != self._generation:
            self._entries.clear()
            self._generation = generation
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
            return found
        value = await load()
        # A change may have come while this was loading; what was read before it must not outlive it.
        if value is None or generation != self._generation:
            return value
        # Of several that loaded it at once all get the first, which other caches may have as a key: to find the same
        # object there costs a fraction of comparing it.
        kept = self._entries.setdefault(key, value)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return kept
