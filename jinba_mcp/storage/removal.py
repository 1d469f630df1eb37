"""Removing a thing with everything that hangs from it, whichever tables there come to be."""

from collections.abc import Set as AbstractSet

from sqlalchemy import ColumnElement, Table, delete, exists, or_, select, tuple_

from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import Row

AT_ONCE = 1_000


async def remove_whole(connection: Connection, root: Table, identifier: str) -> None:
    """Delete the row of `root` with that id, and before it all rows that lead to it, the farthest first."""
    for table in reversed(Row.metadata.sorted_tables):
        condition = belonging(table, root, identifier)
        if condition is not None:
            await connection.write(delete(table).where(condition))


async def remove_loose(connection: Connection, organization_id: str, *, but: AbstractSet[str]) -> bool:
    """Delete up to `AT_ONCE` rows of an organization that no foreign key leads from, as of runs, all of one table.

    There may be millions of them, and others want to write as well; False when there was nothing to delete.
    """
    # What has no organization's id of its own goes before the runs that say whose it is.
    for table in sorted(Row.metadata.sorted_tables, key=lambda each: "organization_id" in each.c):
        condition = _loosely_of(table, organization_id)
        if condition is not None and table.name not in but:
            key = list(table.primary_key)
            some = select(*key).where(condition).limit(AT_ONCE)
            if await connection.write(delete(table).where(tuple_(*key).in_(some))):
                return True
    return False


def _loosely_of(table: Table, organization_id: str) -> ColumnElement[bool] | None:
    column = table.c.get("organization_id")
    if column is not None:
        return None if column.foreign_keys else column == organization_id
    if "run_id" not in table.c:
        return None
    runs = Row.metadata.tables["run"]
    return exists(select(1).where(runs.c.id == table.c.run_id, runs.c.organization_id == organization_id))


def belonging(table: Table, root: Table, identifier: str) -> ColumnElement[bool] | None:
    """Which rows of `table` are, or by foreign keys lead to, the row of `root` with that id; None if none can."""
    if table is root:
        return root.c.id == identifier
    found = []
    for key in table.foreign_keys:
        above = key.column.table
        if above is root:
            found.append(key.parent == identifier)
        elif above is not table and (condition := belonging(above, root, identifier)) is not None:
            found.append(key.parent.in_(select(key.column).where(condition)))
    return or_(*found) if found else None
