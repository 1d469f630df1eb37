"""What repositories are given to work with."""

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from jinba_mcp.domain.errors import NameTaken, Unavailable
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.organizations import OrganizationRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of, values_of
from tests.storage.records import an_organization

ORGANIZATIONS = table_of(OrganizationRow)


async def test_a_query_gives_all_rows_the_first_or_one_value(store: Store) -> None:
    async with store._database.writing() as driver:
        connection = Connection(driver, is_writable=True)
        made = [an_organization("a"), an_organization("b")]
        assert await connection.write(insert(ORGANIZATIONS), values_of(made[0])) == 1
        await connection.write(insert(ORGANIZATIONS), values_of(made[1]))
        slugs = select(ORGANIZATIONS.c.slug).order_by(ORGANIZATIONS.c.slug)

        assert [row["slug"] for row in await connection.all(slugs)] == ["a", "b"]
        first = await connection.first(slugs)
        assert first is not None
        assert dict(first) == {"slug": "a"}
        assert await connection.value(slugs) == "a"
        assert await connection.first(slugs.where(ORGANIZATIONS.c.slug == "c")) is None


async def test_only_what_is_there_already_counts_as_taken(store: Store) -> None:
    async with store._database.writing() as driver:
        connection = Connection(driver, is_writable=True)
        values = values_of(an_organization("a"))
        await connection.write(insert(ORGANIZATIONS), values)

        with pytest.raises(NameTaken):
            async with connection.unique(NameTaken("organization", "a")):
                await connection.write(insert(ORGANIZATIONS), values)
        with pytest.raises(IntegrityError):
            async with connection.unique(NameTaken("organization", "a")):
                await connection.write(insert(ORGANIZATIONS), values | {"id": "org_2", "slug": "b", "name": None})
        assert await connection.value(text("SELECT count(*) FROM organization")) == 1


async def test_the_database_itself_refuses_writes_of_a_reader(store: Store) -> None:
    async with store._database.reading() as driver:
        connection = Connection(driver, is_writable=True)
        # SQLite tells it as a file that cannot be written, PostgreSQL as a transaction that cannot write.
        with pytest.raises((Unavailable, DBAPIError), match=r"(?i)cannot be written|read-only"):
            await connection.write(insert(ORGANIZATIONS), values_of(an_organization()))
