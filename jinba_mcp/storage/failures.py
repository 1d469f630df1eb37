"""Driver errors put into the words of the domain, in one place."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jinba_mcp.domain.errors import Invalid, JinbaError, Unavailable

DRIVER_ERRORS = (
    SQLAlchemyError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    UnicodeEncodeError,
    OverflowError,
)
"""Whatever the libraries below may raise. `OSError` includes refused connections and time-outs."""

_UNANSWERED = "The database does not answer. Check that it runs and that JINBA_DATABASE_URL is right, then try again."
BUSY = "The database is too busy. Try again in a moment."
_BEHIND = "The database schema is not the one this version works with. Run 'jinba-mcp db upgrade'."
_REFUSED = "The database refused the log-in. Check user, password and database name in JINBA_DATABASE_URL."
_UNSTORABLE = "A text or number here cannot be stored: U+0000, half of a surrogate pair, or out of range. Remove it."

_SQLITE = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: "The disk that holds the database is full. Make room, then try again.",
    sqlite3.SQLITE_IOERR: "The database file cannot be read or written. Check the disk.",
    sqlite3.SQLITE_READONLY: "The database file cannot be written. Check the rights of the data directory.",
    sqlite3.SQLITE_CANTOPEN: "The database file cannot be opened. Check the rights of the data directory.",
    sqlite3.SQLITE_CORRUPT: "The database file is damaged. Run 'jinba-mcp db check' and restore a backup.",
    sqlite3.SQLITE_NOTADB: "The database file is not an SQLite database. Check JINBA_DATABASE_URL.",
}

# By SQLSTATE, or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = {
    "08": _UNANSWERED,
    "57P": _UNANSWERED,
    "57014": BUSY,
    "25P03": BUSY,
    "53": BUSY,
    "55P03": BUSY,
    "40": BUSY,
    "28": _REFUSED,
    "3D000": _REFUSED,
    "42P01": _BEHIND,
    "42703": _BEHIND,
}
_POSTGRESQL_DATA = "22"
_UNIQUE_VIOLATIONS = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, "23505")
_NULL_VIOLATIONS = (sqlite3.SQLITE_CONSTRAINT_NOTNULL, "23502")
VIOLATIONS = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)
"""Of a constraint, as the drivers themselves tell of it."""

_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Callable[[], JinbaError]], ...] = (
    ((PoolTimeoutError,), lambda: Unavailable(BUSY)),
    ((UnicodeEncodeError, OverflowError), lambda: Invalid(_UNSTORABLE)),
    ((OSError,), lambda: Unavailable(_UNANSWERED)),
)


@contextmanager
def translated() -> Iterator[None]:
    """Let driver errors that have a meaning outside leave as that; all others are faults of ours and leave as they are.

    Raises:
        Unavailable: the database is gone, busy, full or behind.
        Invalid: a value that it cannot hold.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def is_unique_violation(error: BaseException) -> bool:
    """Whether a unique or primary key was in the way, rather than another constraint."""
    return _code(error) in _UNIQUE_VIOLATIONS


def is_null_violation(error: BaseException) -> bool:
    """Whether a column was left empty that may not be."""
    return _code(error) in _NULL_VIOLATIONS


def _code(error: BaseException | None) -> int | str | None:
    if isinstance(error, IntegrityError):
        return _code(error.orig)
    code: int | str | None = getattr(error, "sqlite_errorcode", None) or getattr(error, "sqlstate", None)
    return code


def _meaning(error: BaseException) -> JinbaError | None:
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Unavailable(_UNANSWERED)
        return _meaning(error.orig) if error.orig is not None else None
    if isinstance(error, sqlite3.Error):
        return _meaning_on_sqlite(error)
    for kinds, meaning in _MEANINGS:
        if isinstance(error, kinds):
            return meaning()
    return _meaning_on_postgresql(error)


def _meaning_on_sqlite(error: sqlite3.Error) -> JinbaError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return Unavailable(_BEHIND)
    message = _SQLITE.get(code)
    return None if message is None else Unavailable(message)


def _meaning_on_postgresql(error: BaseException) -> JinbaError | None:
    state = getattr(error, "sqlstate", None)
    if state is None:
        cause = error.__cause__ or error
        return Unavailable(_UNANSWERED) if isinstance(cause, (asyncpg.InterfaceError, OSError)) else None
    if state[:2] == _POSTGRESQL_DATA:
        return Invalid(_UNSTORABLE)
    found = next((_POSTGRESQL[state[:n]] for n in (5, 3, 2) if state[:n] in _POSTGRESQL), None)
    return None if found is None else Unavailable(found)
