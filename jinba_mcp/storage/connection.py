"""One open transaction, as repositories see it: runs statements and lets no driver error through untranslated."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable, FromClause, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.storage.failures import is_unique_violation, translated
from jinba_mcp.storage.tables import insertion_into, items_of


class Connection:
    """`is_writable` is False inside `Store.read`; the database itself refuses writes there as well."""

    def __init__(self, driver: AsyncConnection, *, is_writable: bool) -> None:
        self._driver = driver
        self._is_writable = is_writable
        self.has_changed = False

    async def touch(self) -> None:
        """Have the generation move when this transaction commits.

        It moves at the very end, so that the one row that all changes share is locked for as short as can be.
        """
        self.has_changed = True

    async def all(self, statement: Executable) -> Sequence[RowMapping]:
        """Every row of a query that bounds itself."""
        return (await self._execute(statement)).mappings().all()

    async def tuples(self, statement: Executable) -> Sequence[Any]:
        """Every row of a query that bounds itself, in the order of its columns: for answers of thousands of rows."""
        return (await self._execute(statement)).all()

    async def first(self, statement: Executable) -> RowMapping | None:
        return (await self._execute(statement)).mappings().first()

    async def value(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self._execute(statement)).scalar()

    def insertion(self, table: Table) -> SqliteInsert | PostgresqlInsert:
        """An insert for `write` that may say what happens on conflict."""
        return insertion_into(table, self._driver.dialect)

    def items(self, name: str) -> FromClause:
        """The items of a list that is bound by this name; see `items_of`."""
        return items_of(name, self._driver.dialect)

    async def write(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Execute a change; the number of rows it found.

        Raises:
            RuntimeError: this transaction only reads.
        """
        if not self._is_writable:
            raise RuntimeError("a transaction of Store.read cannot write; use Store.begin")
        return (await self._execute(statement, values)).rowcount

    @asynccontextmanager
    async def unique(self, taken: JinbaError) -> AsyncIterator[None]:
        """Raise `taken` when what is written inside is there already; the transaction stays usable."""
        try:
            async with self._driver.begin_nested():
                yield
        except IntegrityError as error:
            if is_unique_violation(error):
                raise taken from error
            raise

    async def _execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        with translated():
            return await self._driver.execute(statement, values)
