"""The generation, a number that moves with every change of keys, organizations, ToolSets, drafts and versions."""

import asyncio
from collections.abc import Callable

from sqlmodel import Field

from jinba_mcp.storage.tables import Row, table_of


class GenerationRow(Row, table=True):
    """The one row that holds the number, made by the first migration."""

    __tablename__ = "generation"

    id: int = Field(primary_key=True)
    value: int


generation_table = table_of(GenerationRow)
READ_GENERATION = "SELECT value FROM generation WHERE id = 1"


class ChangeSignal:
    """The highest generation that this process knows of, and those who wait for a higher one."""

    def __init__(self, on_change: Callable[[int], None] | None = None) -> None:
        self.last = -1
        self._on_change = on_change
        self._moved: asyncio.Future[int] | None = None

    def notice(self, generation: int) -> None:
        """Learn of a generation. Older ones are ignored: news of one commit may come after that of the next."""
        if generation <= self.last:
            return
        self.last = generation
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(generation)
        if self._on_change is not None:
            self._on_change(generation)

    def fail(self, error: BaseException) -> None:
        """Tell those who wait that they would wait in vain."""
        if self._moved is not None and not self._moved.done():
            self._moved.set_exception(error)

    async def wait(self, seen: int) -> int:
        """The generation as soon as it differs from `seen`; the caller bounds the wait."""
        while self.last == seen:
            if self._moved is None or self._moved.done():
                self._moved = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._moved)
        return self.last
