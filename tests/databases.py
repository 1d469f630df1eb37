"""Databases for tests, fresh for each and fast: SQLite copied from a template file, PostgreSQL emptied between tests.

A pytest plugin that the root conftest names. All is made under names of this session's own and gone when pytest ends.
"""

import asyncio
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, event

from jinba_mcp.storage import sqlite
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import Row

T = TypeVar("T")

POSTGRES_URL = os.environ.get("JINBA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
_IS_REQUIRED = os.environ.get("JINBA_TEST_REQUIRE_POSTGRES") == "1"
_ANSWER_TIMEOUT_S = 30.0  # Where there is no server, that is told at once.
_WORK_TIMEOUT_S = 300.0
_STATEMENT_TIMEOUT_S = 120.0
_SETTINGS = {"lock_timeout": "60s"}
"""A test that leaves a lock behind fails the next one that needs the table, instead of holding up all of them."""


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own, in a thread, where it disturbs no test's loop."""

    async def bounded() -> T:
        async with asyncio.timeout(_WORK_TIMEOUT_S):
            return await work

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, bounded()).result()


@cache
def postgres_answers() -> bool:
    """Whether there is a server to test with; an error if there is none though there has to be."""

    async def look() -> None:
        await (await asyncpg.connect(POSTGRES_URL, timeout=_ANSWER_TIMEOUT_S)).close(timeout=_ANSWER_TIMEOUT_S)

    try:
        run_apart(look())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if _IS_REQUIRED:
            raise pytest.UsageError(f"JINBA_TEST_REQUIRE_POSTGRES=1, but no PostgreSQL answers: {error}") from error
        return False
    return True


class _CompiledStatements(dict[tuple[Any, ...], Any]):
    """A cache of SQLAlchemy's for all databases of one kind, each of which otherwise compiles every statement anew."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)  # The first part is the dialect, an object of each engine's own.


_COMPILED: defaultdict[str, _CompiledStatements] = defaultdict(_CompiledStatements)


@event.listens_for(Engine, "engine_connect")
def _share_compiled_statements(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED[connection.dialect.name])


PRAGMAS = sqlite._PRAGMAS
# No test pulls the plug of this machine, so none has to wait for its disk, which takes most of a small commit.
sqlite._PRAGMAS = (*PRAGMAS, "synchronous = OFF")

DATABASES = ["sqlite", *(["postgresql"] if postgres_answers() else [])]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not postgres_answers():
        terminalreporter.write_line(
            "PostgreSQL was left out: no server answers at JINBA_TEST_POSTGRES_URL.", yellow=True
        )


class PostgresServer:
    """The databases of this pytest session on the server, which it keeps one connection to."""

    def __init__(self) -> None:
        self._prefix = f"jinba_test_{os.getpid()}_{secrets.token_hex(4)}"
        self._names: list[str] = []
        self._bare: str | None = None
        self._thread = ThreadPoolExecutor(1)
        self._runner = self._thread.submit(asyncio.Runner).result()
        self._connections: dict[str, Any] = {}

    def execute(self, url: str, *statements: str) -> None:
        """Execute each on its own, outside any transaction, on a connection that is kept for the next time."""

        async def execute() -> None:
            if url not in self._connections:
                self._connections[url] = await asyncpg.connect(
                    url, timeout=60, command_timeout=_STATEMENT_TIMEOUT_S, server_settings=_SETTINGS
                )
            for statement in statements:
                await self._connections[url].execute(statement)

        self._thread.submit(self._runner.run, execute()).result()

    def create(self) -> str:
        """A new database without any table; its URL."""
        name = f"{self._prefix}_{len(self._names)}"
        # No test pulls the plug of the server, so none has to wait for its disk.
        self.execute(POSTGRES_URL, f'CREATE DATABASE "{name}"', f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        self._names.append(name)
        return urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{name}"))

    def bare(self) -> str:
        """The one database without any table, emptied of what the last test made in it; its URL."""
        if self._bare is None:
            self._bare = self.create()
        # Two databases that are made and dropped would cost a second: the server writes out all that it has.
        self.execute(self._bare, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return self._bare

    def empty(self, url: str) -> None:
        """Delete every row of a migrated database. For nearly empty tables that is much faster than TRUNCATE."""
        names = [table.name for table in reversed(Row.metadata.sorted_tables) if table.name != "generation"]
        deletions = [f'DELETE FROM "{name}"' for name in names]  # noqa: S608  our own names
        self.execute(url, "; ".join([*deletions, "UPDATE generation SET value = 0"]))

    def close(self) -> None:
        """Drop everything that was made."""
        self.execute(POSTGRES_URL, *(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in self._names))
        for connection in self._connections.values():
            self._thread.submit(connection.terminate).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


async def _migrate(url: str) -> None:
    store = await Store.open(url)
    try:
        await store.upgrade()
    finally:
        await store.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_server: PostgresServer) -> str:
    """One database for all tests: emptying it is much faster than copying a template."""
    url = postgres_server.create()
    run_apart(_migrate(url))
    return url


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "jinba.db"
    run_apart(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Parametrises a test over the databases there are."""
    return str(request.param)


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite_file: Path) -> str:
    """A migrated, empty SQLite database of the test's own."""
    path = tmp_path / "jinba.db"
    shutil.copyfile(migrated_sqlite_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_postgres_url: str) -> str:
    """A migrated, empty PostgreSQL database, the test's own while it runs."""
    postgres_server.empty(migrated_postgres_url)
    return migrated_postgres_url


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """A migrated, empty database, on each kind of server in turn."""
    return str(request.getfixturevalue("sqlite_url" if database_kind == "sqlite" else "postgres_url"))


@pytest.fixture
def bare_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table, on each kind of server in turn."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'bare.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.bare()


@pytest.fixture
async def open_store() -> AsyncIterator[Callable[[str], Awaitable[Store]]]:
    """Opens stores, and closes them after the test."""
    stores: list[Store] = []

    async def opened(url: str) -> Store:
        stores.append(await Store.open(url))
        return stores[-1]

    yield opened
    for store in reversed(stores):
        await store.close()


@pytest.fixture
async def store(open_store: Callable[[str], Awaitable[Store]], database_url: str) -> Store:
    """An open store on an empty database, on each kind of server in turn."""
    return await open_store(database_url)
