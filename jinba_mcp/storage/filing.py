"""Filing: takes runs that have ended off the list, in one transaction with all that follows from their end."""

from collections.abc import Sequence

from sqlalchemy import Dialect, Integer, bindparam, delete, func, insert, null, select, true

from jinba_mcp.domain.deliveries import Delivery
from jinba_mcp.domain.endings import Ending
from jinba_mcp.storage.database import Database, Write
from jinba_mcp.storage.deliveries import DeliveryRow
from jinba_mcp.storage.failures import VIOLATIONS, is_null_violation, is_unique_violation
from jinba_mcp.storage.postgresql import TAKE_TURN
from jinba_mcp.storage.runs import EndedRow
from jinba_mcp.storage.statements import Statement, bound
from jinba_mcp.storage.tables import Row, insertion_into, items_of, table_of
from jinba_mcp.storage.tallies import TallyRow, counted
from jinba_mcp.storage.words import WordRow, by_word

_ended = table_of(EndedRow)


class RunFiling:
    """Writes what was worked out beforehand, so that on SQLite calls wait for the database's own work alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = _compiled(database.dialect)
        self._turn = () if database.dialect.name == "sqlite" else (TAKE_TURN,)

    async def file(self, endings: Sequence[Ending], owed: Sequence[Delivery]) -> bool:
        """Put runs under their words and into the tallies, and what is owed for them into the outbox.

        All or nothing: False, and nothing is written, if one of them is not on the list any more, because somebody
        else has filed it or it was removed.

        Raises:
            Unavailable: the database could not take it.
        """
        words, words_if_new = self._statements.words
        try:
            return await self._write(endings, owed, words)
        except VIOLATIONS as error:
            if not is_unique_violation(error):
                raise
        # A run has ended twice after all. To ask of each word whether it is there costs PostgreSQL as much as it does
        # to write it, so that is done when it has to be.
        return await self._write(endings, owed, words_if_new)

    async def _write(self, endings: Sequence[Ending], owed: Sequence[Delivery], words: Statement) -> bool:
        writes = [*self._turn, *self._statements.writes(endings, owed, words)]
        try:
            await self._database.write_batch(writes)
        except VIOLATIONS as error:
            if not is_null_violation(error):
                raise
            return False
        return True


class _Statements:
    def __init__(self, dialect: Dialect) -> None:
        run_ids = items_of("run_ids", dialect).c.value
        words = table_of(WordRow)
        tallies = table_of(TallyRow)
        is_one = _ended.c.run_id.in_(select(run_ids))
        waiting = select(func.count()).where(is_one).scalar_subquery()
        # No run has no id. That a statement fails is the one way to stop a transaction which takes no further trip.
        self._check = Statement(
            insert(_ended).from_select(
                ["run_id"], select(null()).where(waiting != bindparam("count", type_=Integer()))
            ),
            dialect,
        )
        new_words = select(bound(words.c.organization_id), bound(words.c.word), run_ids).where(true())
        filing = insertion_into(words, dialect).from_select(list(words.c), new_words)
        self.words = Statement(filing, dialect), Statement(filing.on_conflict_do_nothing(), dialect)
        counting = insertion_into(tallies, dialect).values(_all_bound(TallyRow))
        summed = {name: tallies.c[name] + counting.excluded[name] for name in ("run_count", "failed_count")}
        key = list(tallies.primary_key)
        self._tallies = Statement(counting.on_conflict_do_update(index_elements=key, set_=summed), dialect)
        self._deliveries = Statement(insert(table_of(DeliveryRow)).values(_all_bound(DeliveryRow)), dialect)
        self._done = Statement(delete(_ended).where(is_one), dialect)

    def writes(self, endings: Sequence[Ending], owed: Sequence[Delivery], words: Statement) -> list[Write]:
        these = [{"run_ids": [each.id for each in endings], "count": len(endings)}]
        writes = [
            self._check.write(these),
            words.write(by_word(endings)),
            self._tallies.write(counted(endings)),
            self._deliveries.write(map(vars, owed)),
            self._done.write(these),
        ]
        return [write for write in writes if write.rows]


def _all_bound(row: type[Row]) -> dict[str, object]:
    return {column.name: bound(column) for column in table_of(row).c}


_COMPILED: dict[str, _Statements] = {}


def _compiled(dialect: Dialect) -> _Statements:
    """Compiled once for each kind of database: that takes milliseconds."""
    if dialect.name not in _COMPILED:
        _COMPILED[dialect.name] = _Statements(dialect)
    return _COMPILED[dialect.name]
