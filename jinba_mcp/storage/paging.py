"""Pages by keyset: what follows the last key that was shown, however much was added since."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Select
from sqlalchemy.engine import RowMapping

from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.storage.connection import Connection

T = TypeVar("T")


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
