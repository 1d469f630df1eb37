"""Changes: waiting until something about keys, ToolSets or versions has changed, in whichever process it did."""

from collections.abc import AsyncGenerator

from jinba_mcp.storage.store import Store


class Changes:
    """A feed without content: who listens looks again at what concerns it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def watch(self) -> AsyncGenerator[None, None]:
        """System's own: a feed that yields for every change from now on, once for several that come together."""
        return self._follow(await self._store.generation())

    async def _follow(self, seen: int) -> AsyncGenerator[None, None]:
        while True:
            seen = await self._store.wait_for_change(seen)
            yield
