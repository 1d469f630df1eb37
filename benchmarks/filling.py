"""Fills databases by a few statements, and counts what is in them: a million runs, a hundred thousand keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

SPAN = timedelta(days=89)
"""How far back runs lie."""
NOW = datetime.now(UTC)
_AT_ON_SQLITE = "strftime('%Y-%m-%dT%H:%M:%f', ms / 1000.0, 'unixepoch') || '000Z'"
_AT_ON_POSTGRESQL = "to_timestamp(ms / 1000.0)"
_HOUR_ON_SQLITE = "substr(created_at, 1, 13)"
_HOUR_ON_POSTGRESQL = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')"
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID = " || ".join(
    [
        "'run_'",
        *(f"substr('{_LETTERS}', CAST((ms >> {shift}) & 31 AS integer) + 1, 1)" for shift in range(45, -5, -5)),
        "substr(CAST(10000000000000000 + n AS text), 2)",
    ]
)
"""As `domain/ids.py` makes them, with the number of the run where theirs is random."""
_RUNS = """
    WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < :last),
    timed(n, ms) AS (SELECT n, CAST(:start AS bigint) + n * CAST(:step AS bigint) FROM numbers)
    INSERT INTO run (
        id, organization_id, toolset_slug, tool_slug, version_id, version, version_digest, source, status,
        input, output, error, logs, isolation, key_id, key_name, key_prefix, client, process_id,
        created_at, started_at, finished_at
    )
    SELECT
        {id}, CAST(:organization AS text), 'set' || (n % 10), 'tool' || (n % 50),
        'ver_1', '1.' || (n * 10 / (CAST(:last AS bigint) + 1)) || '.0', 'sha256:0',
        CASE WHEN n % 3 = 0 THEN 'rest' ELSE 'mcp' END, CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'success' END,
        '{{"number":' || n || '}}', '{{"square":' || (n * n) || '}}',
        CASE WHEN n % 20 = 0 THEN '{{"name":"ValueError","message":"boom' || (n % 1000) || '","traceback": null}}' END,
        '{{"stdout":[],"stderr":[]}}', '{{"provider":"local","tier":"namespaces","level":"strong"}}',
        'key_' || (n % 100), 'key' || (n % 100), 'jtb' || (n % 100), 'agent', 'gone',
        {at}, {at}, {at}
    FROM timed
"""
_WORDS = tuple(
    f"SELECT organization_id, {column}, id FROM run ORDER BY 2, 3"  # noqa: S608  our own constants
    for column in ("toolset_slug", "tool_slug", "key_name", "key_prefix", "client")
)
_WORDS_OF_ERRORS = (
    "SELECT organization_id, 'valueerror', id FROM run WHERE error IS NOT NULL",
    "SELECT organization_id, replace(substr(error, 33, 7), '\"', ''), id FROM run WHERE error IS NOT NULL",
)
_TALLIES = """
    INSERT INTO run_tally
    SELECT organization_id, {hour}, toolset_slug, tool_slug, version, 20 + length(id || output) % 25, count(*),
        sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END)
    FROM run GROUP BY 1, 2, 3, 4, 5, 6
"""

_KEYS = """
    WITH RECURSIVE numbers(n) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    INSERT INTO key (
        id, kind, organization_id, user_id, name, prefix, scopes, toolsets, tools, allowed_ips, rate_limit,
        expires_at, created_by, created_at, last_used_at, revoked_at
    )
    SELECT
        id || '_' || n, kind, organization_id, user_id, 'key' || n, prefix, scopes, toolsets, tools, allowed_ips,
        rate_limit, expires_at, created_by, created_at, last_used_at, revoked_at
    FROM (SELECT * FROM key ORDER BY id LIMIT 1) AS model, numbers
"""
_DIGESTS = """
    INSERT INTO key_digest
    SELECT {digest}, id, NULL FROM key WHERE id NOT IN (SELECT key_id FROM key_digest)
"""
_DIGEST_ON_SQLITE = "lower(hex(randomblob(32)))"
_DIGEST_ON_POSTGRESQL = "encode(sha256(CAST(id AS bytea)), 'hex')"


async def fill_runs(url: str, organization_id: str, count: int) -> None:
    """Add `count` runs with their words and tallies, spread evenly over `SPAN`, the last one now."""
    is_sqlite = url.startswith("sqlite")
    at = _AT_ON_SQLITE if is_sqlite else _AT_ON_POSTGRESQL
    step_ms = int(SPAN.total_seconds() * 1000) // count
    values: dict[str, Any] = {"organization": organization_id, "last": count - 1, "step": step_ms}
    values["start"] = int(NOW.timestamp() * 1000) - count * step_ms
    async with _connection(url) as connection:
        await connection.execute(text(_RUNS.format(id=_ID, at=at)), values)
        for words in (*_WORDS, *_WORDS_OF_ERRORS):
            await connection.execute(text(f"INSERT INTO run_word {words}"))
        await connection.execute(text(_TALLIES.format(hour=_HOUR_ON_SQLITE if is_sqlite else _HOUR_ON_POSTGRESQL)))
    await _look_over(url)


async def fill_keys(url: str, count: int) -> None:
    """Add `count` keys like the first one there is, whose secrets nobody has."""
    digest = _DIGEST_ON_SQLITE if url.startswith("sqlite") else _DIGEST_ON_POSTGRESQL
    async with _connection(url) as connection:
        await connection.execute(text(_KEYS), {"count": count})
        await connection.execute(text(_DIGESTS.format(digest=digest)))
    await _look_over(url)


async def organization_id(url: str, slug: str) -> str:
    """The id of the organization with that slug."""
    async with _connection(url) as connection:
        found = await connection.scalar(text("SELECT id FROM organization WHERE slug = :slug"), {"slug": slug})
    return str(found)


async def count_runs(url: str) -> dict[str, int]:
    """How many runs are on record, by status."""
    async with _connection(url) as connection:
        rows = await connection.execute(text("SELECT status, count(*) AS run_count FROM run GROUP BY status"))
        return {row.status: row.run_count for row in rows}


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[AsyncConnection]:
    async with _engine(url) as engine, engine.begin() as connection:
        yield connection


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url.replace("://", "+aiosqlite://" if url.startswith("sqlite") else "+asyncpg://", 1))
    try:
        yield engine
    finally:
        await engine.dispose()


async def _look_over(url: str) -> None:
    """As autovacuum does after a while."""
    if url.startswith("sqlite"):
        return
    async with (
        _engine(url) as engine,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        await connection.execute(text("VACUUM ANALYZE"))
