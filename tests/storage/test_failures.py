"""Driver errors in the words of the domain, on errors that the drivers themselves raise."""

import sqlite3
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jinba_mcp.domain.errors import Invalid, JinbaError, Unavailable
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.storage.failures import translated
from jinba_mcp.storage.store import Store
from tests.databases import POSTGRES_URL, postgres_answers
from tests.storage.records import a_draft, a_toolset


def sqlite_error(code: int, text: str = "") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), Unavailable, "too busy"),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), Unavailable, "too busy"),
        (sqlite_error(sqlite3.SQLITE_FULL), Unavailable, "disk"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), Unavailable, "damaged"),
        (sqlite_error(sqlite3.SQLITE_ERROR, "no such table: run"), Unavailable, "db upgrade"),
        (ConnectionRefusedError(), Unavailable, "does not answer"),
        (TimeoutError(), Unavailable, "does not answer"),
        (PoolTimeoutError(), Unavailable, "too busy"),
        (OverflowError(), Invalid, "cannot be stored"),
        (asyncpg.ConnectionDoesNotExistError(), Unavailable, "does not answer"),
        (asyncpg.InterfaceError("connection is closed"), Unavailable, "does not answer"),
        (asyncpg.AdminShutdownError(), Unavailable, "does not answer"),
        (asyncpg.TooManyConnectionsError(), Unavailable, "too busy"),
        (asyncpg.LockNotAvailableError(), Unavailable, "too busy"),
        (asyncpg.DeadlockDetectedError(), Unavailable, "too busy"),
        (asyncpg.InvalidPasswordError(), Unavailable, "log-in"),
        (asyncpg.UndefinedTableError(), Unavailable, "db upgrade"),
        (asyncpg.CharacterNotInRepertoireError(), Invalid, "cannot be stored"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_with_a_meaning_outside_leaves_as_that(error: Exception, kind: type[JinbaError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught, translated():
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_ERROR, "near SELEC: syntax error"),
        asyncpg.PostgresSyntaxError(),
        asyncpg.ForeignKeyViolationError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_ours_leaves_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error


async def test_a_file_that_is_no_database_is_named_as_the_trouble(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(Unavailable, match="not an SQLite database"):
        await Store.open(f"sqlite:///{tmp_path / 'letter.db'}")


async def test_a_directory_in_place_of_the_file_is_named_as_the_trouble(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        await Store.open(f"sqlite:///{tmp_path}")


async def test_a_server_that_is_not_there_is_named_as_the_trouble() -> None:
    with pytest.raises(Unavailable, match="does not answer") as caught:
        await Store.open("postgresql://someone:s3cret@127.0.0.1:1/jinba")
    assert "s3cret" not in caught.value.message


@pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL here")
async def test_a_database_that_is_not_there_is_named_as_the_trouble() -> None:
    with pytest.raises(Unavailable, match="refused the log-in"):
        await Store.open(POSTGRES_URL.rpartition("/")[0] + "/jinba_no_such_database")


async def test_a_row_without_its_parent_is_no_matter_of_names(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key") as caught:
        await _add_toolset(store, a_toolset(OrganizationId("org_none")))
    assert not isinstance(caught.value, JinbaError)


async def _add_toolset(store: Store, toolset: ToolSet) -> None:
    async with store.begin() as tx:
        await tx.toolsets.add(toolset, a_draft())
