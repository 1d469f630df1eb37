"""Statements that are written so often that each is compiled once, and executed in the driver's own words."""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Column, Dialect, bindparam

from jinba_mcp.storage.database import Write
from jinba_mcp.storage.tables import conversion

_BOUND = "bound_"
"""Begins the name of every bound value, for SQLAlchemy keeps the plain names of columns to itself."""


class Statement:
    """A statement compiled once, and the conversion of values to the tuples that its driver takes."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        names = [name.removeprefix(_BOUND) for name in compiled.positiontup]
        # With one name `itemgetter` gives no tuple.
        self._read = itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)
        types = [compiled.binds[name].type for name in compiled.positiontup]
        self._conversions = [
            (place, convert) for place, kind in enumerate(types) if (convert := conversion(kind, dialect)) is not None
        ]

    def write(self, rows: Iterable[Mapping[str, Any]]) -> Write:
        """The statement with these rows, which have the names that were given to `bound`."""
        return Write(self.sql, [self.values(row) for row in rows])

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """One row of `write`."""
        values = [*self._read(row)]
        for place, convert in self._conversions:
            value = values[place]
            if value is not None:
                values[place] = convert(value)
        return tuple(values)


def bound(column: Column[Any]) -> BindParameter[Any]:
    """What each row says for a column, under its name."""
    return bindparam(f"{_BOUND}{column.name}", type_=column.type)
