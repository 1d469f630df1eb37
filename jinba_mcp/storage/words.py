"""Words: which runs each word is found in, kept so that search reads them newest first and stops when it has a page.

One index of our own for both databases, because theirs give matches in no order of time: a common word would have all
of its runs read and sorted for each page.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, exists, func, select
from sqlmodel import Field

from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import keys_that_fit
from jinba_mcp.storage.tables import WORD, Row, table_of

_COUNTED = 1_000
"""How far the runs with a word are counted to find the rarest."""


class WordRow(Row, table=True):
    """A word of a run. The table is its primary key, in the order in which it is read."""

    __tablename__ = "run_word"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: str = Field(primary_key=True, sa_type=WORD)
    word: str = Field(primary_key=True, sa_type=WORD)
    run_id: str = Field(primary_key=True, sa_type=WORD)


_words = table_of(WordRow)


class WordRepository:
    """The words of runs in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def remove(self, endings: Sequence[Ending]) -> None:
        """Take runs out from under their words."""
        rows = by_word(endings)
        if rows:
            run_ids = self._connection.items("run_ids")
            is_word = [
                column == bindparam(column.name, type_=WORD) for column in (_words.c.organization_id, _words.c.word)
            ]
            removal = delete(_words).where(*is_word, _words.c.run_id.in_(select(run_ids.c.value)))
            await self._connection.write(removal, rows)

    async def matching(
        self,
        organization_id: OrganizationId,
        words: Sequence[str],
        bounds: Sequence[ColumnElement[bool]],
        fits: Callable[[ColumnElement[str]], ColumnElement[bool]],
        limit: int,
    ) -> tuple[list[str], str | None]:
        """The ids of up to `limit` runs with all the words, newest first; and where to go on, if there may be more.

        `bounds` are conditions on `word_run_id`; `fits` gives the condition on the run with that id.
        """
        rarest, *others = await self._rarest_first(organization_id, words, bounds)

        def fits_and_has_others(run_id: ColumnElement[str]) -> ColumnElement[bool]:
            return and_(fits(run_id), *(_has(organization_id, word, run_id) for word in others))

        keys = self._with(organization_id, rarest, bounds)
        return await keys_that_fit(self._connection, keys, fits_and_has_others, limit)

    async def _rarest_first(
        self, organization_id: OrganizationId, words: Sequence[str], bounds: Sequence[ColumnElement[bool]]
    ) -> list[str]:
        if len(words) == 1:
            return list(words)
        counts = {}
        for word in words:
            some = self._with(organization_id, word, bounds).limit(_COUNTED).subquery()
            counts[word] = await self._connection.value(select(func.count()).select_from(some))
        return sorted(words, key=counts.__getitem__)

    def _with(self, organization_id: OrganizationId, word: str, bounds: Sequence[ColumnElement[bool]]) -> Select[Any]:
        is_it = (_words.c.organization_id == organization_id) & (_words.c.word == word)
        return select(_words.c.run_id).where(is_it, *bounds).order_by(_words.c.run_id.desc())


word_run_id = _words.c.run_id


def by_word(endings: Iterable[Ending]) -> list[dict[str, Any]]:
    """Each word with the `run_ids` that it is found in: written in half the time of a row for each word of each run."""
    run_ids_with: dict[tuple[OrganizationId, tuple[str, ...]], list[RunId]] = defaultdict(list)
    for each in endings:
        run_ids_with[each.organization_id, each.words].append(each.id)
    run_ids_under: dict[tuple[OrganizationId, str], list[RunId]] = defaultdict(list)
    for (organization_id, words), run_ids in run_ids_with.items():
        for word in words:
            run_ids_under[organization_id, word] += run_ids
    return [
        {"organization_id": organization_id, "word": word, "run_ids": run_ids}
        for (organization_id, word), run_ids in sorted(run_ids_under.items())
    ]


def _has(organization_id: OrganizationId, word: str, run_id: ColumnElement[str]) -> ColumnElement[bool]:
    other = _words.alias()
    is_it = (other.c.organization_id == organization_id) & (other.c.word == word) & (other.c.run_id == run_id)
    return exists(select(1).where(is_it))
