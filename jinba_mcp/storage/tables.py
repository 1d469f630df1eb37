"""What every table is made of: the base row, the column types of both databases, and records to rows and back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import pydantic_core
import sqlalchemy
from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    FromClause,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    func,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.engine import RowMapping
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from jinba_mcp.domain import json_values
from jinba_mcp.domain.records import Record

R = TypeVar("R", bound=Record)

WORD = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared or sorted: by code point on both databases, whatever the locale of the server."""


class Row(SQLModel):
    """The base of every table."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


_NO_ZONE = "a time without a zone"
_INSTANT = len("2026-01-01T00:00:00.000000")


def instant_text(value: datetime) -> str:
    """An aware instant as SQLite stores it: UTC, microseconds, sortable as text.

    Raises:
        ValueError: it has no zone.
    """
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError(_NO_ZONE)
        value = value.astimezone(UTC)
    return value.isoformat("T", "microseconds")[:_INSTANT] + "Z"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC with microseconds: `timestamptz`, or sortable text on SQLite, which has no such type."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return instant_text(value)
        if value.tzinfo is None:
            raise ValueError(_NO_ZONE)
        return value

    def process_result_value(self, value: str | datetime | None, _dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        # asyncpg gives the first and the last instant there are, which PostgreSQL calls infinite, without a zone.
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class JsonText(TypeDecorator[Any]):
    """A JSON value, or a record, as strict compact text; None is NULL. The same text on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return json_text(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class TextList(JsonText):
    """Texts, bound all together as one value, for `items_of`; made a few times faster than other JSON."""

    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str:
        return pydantic_core.to_json(value).decode()


class WordList(TypeDecorator[tuple[str, ...]]):
    """Plain words with spaces between them: for what is written with every run, a tenth of the cost of JSON.

    NULL, as older rows have it, is none.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, _dialect: Dialect) -> str | None:
        return _words_text(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> tuple[str, ...]:
        return () if value is None else tuple(value.split())


def _words_text(value: tuple[str, ...] | None) -> str | None:
    return " ".join(value) if value else None


def json_text(value: Any) -> str | None:
    """What a `JsonText` column holds for `value`."""
    if value is None:
        return None
    return value.model_dump_json() if isinstance(value, BaseModel) else json_values.dump(value)


def _record_text(value: Any) -> str:
    """The same for what is a record, or of JSON's types only."""
    return value.model_dump_json() if isinstance(value, BaseModel) else json_values.written(value).decode()


def conversion(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes of a value, not None, what the driver takes for a column of that type; None where that is the same."""
    if type(kind) is JsonText:
        return _record_text
    if type(kind) is UtcDateTime and dialect.name == "sqlite":
        return instant_text
    if type(kind) is WordList:
        return _words_text
    if isinstance(kind, UtcDateTime | JsonText):
        return lambda value: kind.process_bind_param(value, dialect)
    return kind.dialect_impl(dialect).bind_processor(dialect)


def table_of(row: type[Row]) -> Table:
    """The SQLAlchemy table behind a row class."""
    table = sqlalchemy.inspect(row).local_table
    assert isinstance(table, Table)  # noqa: S101  a row class is mapped to a table, never to a join
    return table


def insertion_into(table: Table, dialect: Dialect) -> SqliteInsert | PostgresqlInsert:
    """An insert that may say what happens on conflict, which each database has in a dialect of its own."""
    return insert_on_sqlite(table) if dialect.name == "sqlite" else insert_on_postgresql(table)


def items_of(name: str, dialect: Dialect) -> FromClause:
    """The items, as the one column `value`, of the list of texts that is bound by this name, all of it as one value."""
    if dialect.name == "sqlite":
        return func.json_each(bindparam(name, type_=TextList)).table_valued("value")
    return func.json_array_elements_text(cast(bindparam(name, type_=TextList), JSON)).table_valued("value")


def values_of(record: Record) -> dict[str, Any]:
    """A record's fields by name, as its row's columns take them."""
    return {name: getattr(record, name) for name in type(record).model_fields}


def record_of(kind: type[R], row: RowMapping, table: Table) -> R:
    """The record that a row of `table` holds; further columns are left out."""
    return kind.model_validate({name: row[table.c[name]] for name in kind.model_fields})
