"""Column types on both databases, and records against rows."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import DateTime, String, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from jinba_mcp.domain.keys import Key
from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.runs import Run
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.domain.users import User
from jinba_mcp.domain.versions import Version
from jinba_mcp.storage.keys import KeyRow
from jinba_mcp.storage.members import MembershipRow
from jinba_mcp.storage.organizations import OrganizationRow
from jinba_mcp.storage.runs import RunRow
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import (
    WORD,
    JsonText,
    Row,
    UtcDateTime,
    WordList,
    instant_text,
    record_of,
    table_of,
    values_of,
)
from jinba_mcp.storage.toolsets import ToolSetRow
from jinba_mcp.storage.users import UserRow
from jinba_mcp.storage.versions import VersionRow
from tests.storage.records import an_organization

SQLITE, POSTGRESQL = sqlite.dialect(), postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
ORGANIZATIONS = table_of(OrganizationRow)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (Organization, OrganizationRow),
        (User, UserRow),
        (Membership, MembershipRow),
        (Key, KeyRow),
        (ToolSet, ToolSetRow),
        (Version, VersionRow),
        (Run, RunRow),
    ],
)
def test_every_field_of_a_record_is_a_column_of_its_row(record: type[Record], row: type[Row]) -> None:
    assert set(record.model_fields) <= set(table_of(row).c.keys())


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-11))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
    ids=str,
)
async def test_an_instant_keeps_its_microseconds_and_comes_back_in_utc(store: Store, instant: datetime) -> None:
    organization = an_organization()
    async with store._database.writing() as connection:
        await connection.execute(insert(ORGANIZATIONS), values_of(organization))
        await connection.execute(update(ORGANIZATIONS).values(created_at=instant))
        row = (await connection.execute(select(ORGANIZATIONS))).mappings().one()
        found = record_of(Organization, row, ORGANIZATIONS).created_at
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_instants_sort_as_text_in_the_order_of_time() -> None:
    start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    instants = [start + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 86_400_000_000)]
    texts = [instant_text(instant) for instant in instants]
    assert sorted(texts) == texts
    assert {len(text) for text in texts} == {27}


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), SQLITE)  # noqa: DTZ001  that is the point


@pytest.mark.parametrize("value", [None, [], {}, "", 0, False, {"é": ["\x00", 1.5, None]}])
def test_json_goes_in_and_out_unchanged(value: Any) -> None:
    column = JsonText()
    for dialect in (SQLITE, POSTGRESQL):
        stored = column.process_bind_param(value, dialect)
        assert stored is None or "\x00" not in stored
        assert column.process_result_value(stored, dialect) == value


@pytest.mark.parametrize("words", [(), ("input",), ("input", "logs")])
def test_words_go_in_and_out_unchanged_and_none_are_null(words: tuple[str, ...]) -> None:
    column = WordList()
    stored = column.process_bind_param(words, SQLITE)
    assert column.process_result_value(stored, SQLITE) == words
    assert (stored is None) == (words == ())


def test_a_record_is_stored_as_its_json() -> None:
    assert JsonText().process_bind_param(
        Membership.model_validate({"organization_id": "o", "user_id": "u", "role": "admin"}), SQLITE
    ) == ('{"organization_id":"o","user_id":"u","role":"admin"}')


def test_types_are_what_each_database_sorts_right() -> None:
    assert isinstance(UtcDateTime().load_dialect_impl(SQLITE), String)
    moment = UtcDateTime().load_dialect_impl(POSTGRESQL)
    assert isinstance(moment, DateTime)
    assert moment.timezone
    word = WORD.dialect_impl(POSTGRESQL)
    assert isinstance(word, String)
    assert word.collation == "C"
