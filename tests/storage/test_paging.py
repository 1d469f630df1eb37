"""Pages among keys of which few fit: bounded in what they cost, and complete when they are followed to the end."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import ColumnElement, Select, select

from jinba_mcp.storage import paging
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.runs import RunRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of
from tests.storage.records import a_run, moment

_runs = table_of(RunRow)
NEWEST_FIRST = select(_runs.c.id).order_by(_runs.c.id.desc())


@pytest.fixture(autouse=True)
def _small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "WINDOW", 3)


@pytest.fixture
async def ids(store: Store) -> list[str]:
    """Of seven runs, newest first."""
    runs = [a_run(at=moment(n)) for n in range(7)]
    for run in runs:
        await store.journal.start(run)
    return [str(run.id) for run in runs][::-1]


@pytest.fixture
async def connection(store: Store, ids: list[str]) -> AsyncIterator[Connection]:
    async with store._database.reading() as driver:
        yield Connection(driver, is_writable=False)


def among(*wanted: str) -> Callable[[ColumnElement[str]], ColumnElement[bool]]:
    return lambda key: key.in_(wanted)


def after(key: str) -> Select[tuple[str]]:
    return NEWEST_FIRST.where(_runs.c.id < key)


async def test_a_page_that_is_full_ends_at_its_last_key(connection: Connection, ids: list[str]) -> None:
    page = await paging.keys_that_fit(connection, NEWEST_FIRST, among(*ids), 2)
    assert page == (ids[:2], ids[1])


async def test_a_page_that_is_short_ends_where_its_window_does(connection: Connection, ids: list[str]) -> None:
    rare = among(ids[4])
    assert await paging.keys_that_fit(connection, NEWEST_FIRST, rare, 2) == ([], ids[2])
    assert await paging.keys_that_fit(connection, after(ids[2]), rare, 2) == ([ids[4]], ids[5])
    assert await paging.keys_that_fit(connection, after(ids[5]), rare, 2) == ([], None)


async def test_a_window_ends_at_its_last_key_or_holds_all(connection: Connection, ids: list[str]) -> None:
    assert await paging.window_end(connection, NEWEST_FIRST) == ids[2]
    assert await paging.window_end(connection, after(ids[3])) == ids[6]
    assert await paging.window_end(connection, after(ids[4])) is None
