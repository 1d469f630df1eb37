"""Environment variables of ToolSets: row and repository. Secrets come sealed and stay so."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.env import Variable
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class EnvRow(Row, table=True):
    """One variable: `value` or `sealed`, never both."""

    __tablename__ = "env"

    toolset_id: str = Field(primary_key=True, foreign_key="toolset.id", sa_type=WORD)
    key: str = Field(primary_key=True, sa_type=WORD)
    value: str | None
    sealed: str | None
    updated_at: datetime = Field(sa_type=UtcDateTime)


_env = table_of(EnvRow)


def _is(toolset_id: ToolSetId, key: str) -> Any:
    return (_env.c.toolset_id == toolset_id) & (_env.c.key == key)


def _variable(row: RowMapping) -> Variable:
    return record_of(Variable, row, _env)


class EnvRepository:
    """Variables in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_toolset(self, toolset_id: ToolSetId) -> list[Variable]:
        """All of a ToolSet's, by key; there are at most `MAX_VARIABLES`, which whoever saves them sees to."""
        statement = select(_env).where(_env.c.toolset_id == toolset_id).order_by(_env.c.key)
        return [_variable(row) for row in await self._connection.all(statement)]

    async def save(self, variable: Variable) -> None:
        """Set a variable, whether or not it was set before."""
        found = await self._connection.write(
            update(_env).where(_is(variable.toolset_id, variable.key)).values(values_of(variable))
        )
        if not found:
            await self._connection.write(insert(_env), values_of(variable))
        await self._connection.touch()

    async def remove_all(self, toolset_id: ToolSetId) -> None:
        """Unset every variable of a ToolSet that is being deleted."""
        await self._connection.write(delete(_env).where(_env.c.toolset_id == toolset_id))
        await self._connection.touch()

    async def remove(self, toolset_id: ToolSetId, key: str) -> bool:
        """Whether it was there."""
        found = await self._connection.write(delete(_env).where(_is(toolset_id, key)))
        await self._connection.touch()
        return bool(found)

    async def sealed_after(self, after: tuple[str, str], limit: int) -> list[Variable]:
        """Secrets of all ToolSets in the order of (ToolSet, key), those after the pair `after`."""
        pair = (_env.c.toolset_id, _env.c.key)
        later = (pair[0] > after[0]) | ((pair[0] == after[0]) & (pair[1] > after[1]))
        statement = select(_env).where(_env.c.sealed.is_not(None), later).order_by(*pair).limit(limit)
        return [_variable(row) for row in await self._connection.all(statement)]

    async def count_sealed(self) -> int:
        """How many secrets there are."""
        counted = await self._connection.value(select(func.count()).where(_env.c.sealed.is_not(None)))
        return int(counted)
