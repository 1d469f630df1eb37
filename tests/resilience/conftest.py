"""Places with servers: one of a test's own, and one that many tests share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from tests.databases import DATABASES
from tests.resilience import tools
from tests.resilience.places import Place, Server

THREADS = 4
SUSPICIOUS = ("Traceback", "Exception in ASGI", "Task exception", "never retrieved")


@pytest.fixture
def place(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Place:
    """A place of the test's own with the steady tools, on each kind of database in turn."""
    url = None if database_kind == "sqlite" else request.getfixturevalue("postgres_server").create()
    tools.write_steady(tmp_path / "toolsets")
    return Place(tmp_path, url)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    """The same, on SQLite alone."""
    tools.write_steady(tmp_path / "toolsets")
    return Place(tmp_path)


@pytest.fixture(scope="session", params=DATABASES)
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("shared")
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_server").create()
    tools.write_steady(folder / "toolsets")
    tools.write_unruly(folder / "toolsets")
    with Place(folder, url, {"JINBA_INPROCESS_THREADS": str(THREADS)}).serving() as server:
        yield server


@pytest.fixture
async def server(shared_server: Server) -> AsyncIterator[Server]:
    """A server for many tests, each of which must leave it well: it answers, and its log holds no trace of trouble."""
    before = shared_server.log.stat().st_size
    yield shared_server
    with anyio.fail_after(60):
        assert (await shared_server.ask("/readyz")).status == 200
    said = shared_server.logged(since=before)
    assert not [word for word in (*SUSPICIOUS, shared_server.key) if word in said], said
