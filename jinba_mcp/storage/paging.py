"""Pages by keyset: what follows the last key that was shown, however much was added since."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Select, select
from sqlalchemy.engine import RowMapping

from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.storage.connection import Connection

T = TypeVar("T")

WINDOW = 5_000
"""Among so many keys those that fit are looked for, for one page, which may be short therefore."""


async def page_by(  # noqa: PLR0913  a query, its order, its bounds and what its rows mean
    connection: Connection,
    statement: Select[Any],
    key: Column[Any],
    request: PageRequest,
    read: Callable[[RowMapping], T],
    *,
    newest_first: bool = False,
) -> Page[T]:
    """One page of `statement` in the order of `key`, which is unique in it; at most `MAX_LIMIT` items.

    `request.after` and `next_cursor` are plain keys; whoever faces the client makes them opaque.
    """
    limit = min(max(request.limit, 1), MAX_LIMIT)
    if request.after is not None:
        statement = statement.where(key < request.after if newest_first else key > request.after)
    ordered = statement.order_by(key.desc() if newest_first else key.asc())
    return cut(await connection.all(ordered.limit(limit + 1)), key, limit, read)


def cut(rows: Sequence[RowMapping], key: Column[Any], limit: int, read: Callable[[RowMapping], T]) -> Page[T]:
    """The page in `rows`, which were asked for with one more than `limit` to see whether more follows."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=tuple(read(row) for row in shown), next_cursor=str(shown[-1][key]) if more else None)


async def keys_that_fit(
    connection: Connection,
    keys: Select[Any],
    fits: Callable[[ColumnElement[str]], ColumnElement[bool]],
    limit: int,
) -> tuple[list[str], str | None]:
    """Up to `limit` of the first `WINDOW` keys, newest first, that fit; and where to go on, if there may be more.

    `keys` selects one column, in the order of an index; `fits` gives the condition on one of them. However few fit, a
    page costs no more than its window.
    """
    window = keys.limit(WINDOW).subquery()
    (key,) = window.c
    rows = await connection.tuples(select(key).where(fits(key)).order_by(key.desc()).limit(limit + 1))
    found = [str(row[0]) for row in rows]
    if len(found) > limit:
        return found[:limit], found[limit - 1]
    return found, await window_end(connection, keys)


async def window_end(connection: Connection, keys: Select[Any]) -> str | None:
    """The last key of the window; None if there are fewer, which all are in it."""
    last = await connection.value(keys.limit(1).offset(WINDOW - 1))
    return None if last is None else str(last)
