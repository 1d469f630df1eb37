"""Runs one SELECT over CSV text in a private SQLite database in memory that can only be read."""

import contextlib
import csv
import io
import math
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_MAX_CSV_CHARACTERS = 500_000
_MAX_COLUMNS = 100
_MAX_CPU_S = 1.0
_MAX_GROWTH_BYTES = 256 * 1024 * 1024
_MAX_RESULT_CHARACTERS = 500_000
_OPCODES_BETWEEN_CHECKS = 200
_MEMORY_FILE = Path("/proc/self/statm")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}(?:[eE][-+]?[0-9]{1,2})?")

_ALLOWED = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE))
_REFUSED_FUNCTIONS = frozenset(("load_extension", "randomblob", "zeroblob", "readfile", "writefile", "edit"))
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_MIN_VALUE_BYTES = 16_384


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    csv: str = Field(
        min_length=1,
        max_length=_MAX_CSV_CHARACTERS,
        description="The CSV text; its first line names the columns.",
        examples=["city,sales\nOslo,12\nRome,30\n"],
    )
    sql: str = Field(
        min_length=1,
        max_length=10_000,
        description="One SELECT (or WITH … SELECT) over the table `data`.",
        examples=["SELECT city, SUM(sales) AS total FROM data GROUP BY city ORDER BY total DESC"],
    )
    delimiter: str = Field(default=",", pattern=r"^[,;|\t]$", description="What separates the columns.")
    max_rows: int = Field(default=100, ge=1, le=1_000, description="At most so many rows of the result.")


class Output(BaseModel):
    columns: list[str] = Field(description="Names of the result's columns.")
    rows: list[list[str | int | float | None]] = Field(description="The rows, each with its values in column order.")
    row_count: int = Field(description="How many rows are listed.")
    more: bool = Field(description="Whether there are more rows than were listed.")
    table_columns: list[str] = Field(description="The columns of the table `data`, as SQL knows them.")
    table_rows: int = Field(description="How many rows the table `data` has.")


def run(input: Input) -> Output:
    header, rows = _table(input.csv.removeprefix("\ufeff"), input.delimiter)
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        _fill(database, header, rows)
        _lock(database, max((len(cell.encode()) for row in rows for cell in row if isinstance(cell, str)), default=0))
        with _watched(database):
            try:
                cursor = database.execute(input.sql)
                found = cursor.fetchmany(input.max_rows + 1)
            except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
                raise ValueError(_explained(error, header)) from None
        columns = [column[0] for column in cursor.description or ()]
    if not columns:
        raise ValueError("The SQL gives no rows. Write one SELECT over the table data.")
    listed = [[_plain(value) for value in row] for row in found[: input.max_rows]]
    if sum(len(str(value)) for row in listed for value in row) > _MAX_RESULT_CHARACTERS:
        raise ValueError("The result is too long. Select fewer columns or rows, or set a smaller max_rows.")
    return Output(
        columns=columns,
        rows=listed,
        row_count=len(listed),
        more=len(found) > input.max_rows,
        table_columns=header,
        table_rows=len(rows),
    )


def _table(text: str, delimiter: str) -> tuple[list[str], list[list[Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows: list[list[Any]] = [cells for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(
            f'CSV line {reader.line_num}: {error}. Quote fields with " and double quotes inside.'
        ) from None
    folded = [name.casefold() for name in header]
    if not all(folded) or len(set(folded)) != len(folded) or len(folded) > _MAX_COLUMNS:
        raise ValueError(
            f"The header must name each column, none twice (letter case does not count), {_MAX_COLUMNS} at most."
        )
    for number, cells in enumerate(rows, start=2):
        if len(cells) != len(header):
            raise ValueError(
                f"CSV record {number} has {len(cells)} cells, but the header has {len(header)}. "
                "Quote cells that contain the delimiter, or choose another delimiter."
            )
    return header, _typed(rows, len(header))


def _typed(rows: list[list[Any]], width: int) -> list[list[Any]]:
    """Numbers where a whole column is numbers; a postal code 01234 keeps its zero."""
    for column in range(width):
        cells = [row[column] for row in rows if row[column] != ""]
        whole = all(_INTEGER.fullmatch(cell) for cell in cells)
        number: type | None = int if whole else float
        if not whole and not all(_INTEGER.fullmatch(cell) or _DECIMAL.fullmatch(cell) for cell in cells):
            number = None
        for row in rows:
            if row[column] == "":
                row[column] = None
            elif number is not None:
                row[column] = number(row[column])
    return rows


def _fill(database: sqlite3.Connection, header: list[str], rows: list[list[Any]]) -> None:
    names = ", ".join('"' + name.replace('"', '""').replace("\0", "") + '"' for name in header)
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"CREATE TABLE data ({names})")
    places = ", ".join("?" * len(header))
    database.executemany(f"INSERT INTO data VALUES ({places})", rows)  # noqa: S608  question marks only
    database.commit()


def _lock(database: sqlite3.Connection, longest_cell_bytes: int) -> None:
    for limit, value in _LIMITS.items():
        database.setlimit(limit, value)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(_MIN_VALUE_BYTES, 2 * longest_cell_bytes))
    database.set_authorizer(_permitted)


def _permitted(action: int, _first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second not in _REFUSED_FUNCTIONS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


@contextlib.contextmanager
def _watched(database: sqlite3.Connection) -> Iterator[None]:
    """End the query when it has used its processor time, or the process has grown too much meanwhile.

    SQLite has no memory limit of one connection, only of the whole process, which serves others too.
    """
    deadline = time.thread_time() + _MAX_CPU_S
    page = os.sysconf("SC_PAGE_SIZE") if _MEMORY_FILE.exists() else 0
    with _MEMORY_FILE.open("rb", buffering=0) if page else contextlib.nullcontext() as memory:
        limit = _used(memory, page) + _MAX_GROWTH_BYTES

        def over() -> bool:
            return time.thread_time() > deadline or _used(memory, page) > limit

        database.set_progress_handler(over, _OPCODES_BETWEEN_CHECKS)
        yield
        database.set_progress_handler(None, 0)


def _used(memory: Any, page_bytes: int) -> int:
    return int(os.pread(memory.fileno(), 100, 0).split()[1]) * page_bytes if memory else 0


def _explained(error: Exception, header: list[str]) -> str:
    message = str(error)
    if message == "interrupted":
        return f"The query needs more than {_MAX_CPU_S:g} s of work or too much memory. Join or sort fewer rows."
    if any(word in message for word in ("not authorized", "authorization denied", "prohibited")):
        return f"Only reading is possible, by SELECT over the table data ({message})."
    if "one statement" in message:
        return "Give one statement only."
    names = ", ".join(f'"{name}"' for name in header[:50])
    return f"SQLite: {message}. The table is data; its columns are {names}."


def _plain(value: Any) -> str | int | float | None:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value  # type: ignore[no-any-return]  # SQLite has no other types
