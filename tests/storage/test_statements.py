"""Statements on both databases: compiled once, and given values as each driver takes them."""

from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import bindparam, insert, select

from jinba_mcp.storage.runs import EndedRow, RunRow
from jinba_mcp.storage.statements import Statement, bound
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import JsonText, items_of, table_of

_ended = table_of(EndedRow)
_runs = table_of(RunRow)


def _finishing(store: Store) -> Statement:
    columns = (_runs.c.finished_at, _runs.c.error, _runs.c.id)
    return Statement(insert(_runs).values({column.name: bound(column) for column in columns}), store._database.dialect)


async def test_values_are_converted_in_the_order_of_the_statement(store: Store) -> None:
    noon = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    write = _finishing(store).write([{"id": "run_1", "error": {"name": "E"}, "finished_at": noon, "unused": 1}])
    is_sqlite = store._database.dialect.name == "sqlite"
    stored = "2026-03-01T12:00:00.000000Z" if is_sqlite else datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert set(write.rows[0]) == {"run_1", '{"name":"E"}', stored}


async def test_nothing_is_null_whatever_its_type(store: Store) -> None:
    write = _finishing(store).write([{"id": "run_1", "error": None, "finished_at": None}] * 2)
    assert [sorted(row, key=str) for row in write.rows] == [[None, None, "run_1"]] * 2


async def test_a_list_is_bound_as_one_value_and_may_be_empty(store: Store) -> None:
    dialect = store._database.dialect
    statement = Statement(insert(_ended).from_select(["run_id"], select(items_of("run_ids", dialect).c.value)), dialect)
    await store._database.write_batch([statement.write([{"run_ids": ["run_1", 'run_"2', "run_ü"]}, {"run_ids": []}])])
    async with store._database.reading() as connection:
        found = set((await connection.execute(select(_ended.c.run_id))).scalars())
    assert found == {"run_1", 'run_"2', "run_ü"}


async def test_what_is_bound_by_another_name_is_called_by_that(store: Store) -> None:
    dialect = store._database.dialect
    statement = Statement(insert(_ended).values(run_id=bindparam("it", type_=JsonText())), dialect)
    assert statement.write([{"it": ["a"]}]).rows == [('["a"]',)]
