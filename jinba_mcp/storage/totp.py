"""Second factors and recovery codes: rows and repository."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlmodel import Field

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.totp import Proof, Totp
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class TotpRow(Row, table=True):
    """A user's second factor."""

    __tablename__ = "totp"

    user_id: str = Field(primary_key=True, foreign_key="user.id", sa_type=WORD)
    sealed: str
    last_counter: int
    confirmed_at: datetime | None = Field(sa_type=UtcDateTime)


class RecoveryCodeRow(Row, table=True):
    """The digest of a recovery code that was not used yet."""

    __tablename__ = "recovery_code"

    user_id: str = Field(primary_key=True, foreign_key="user.id", sa_type=WORD)
    digest: str = Field(primary_key=True, sa_type=WORD)


_totp = table_of(TotpRow)
_codes = table_of(RecoveryCodeRow)


class TotpRepository:
    """Second factors in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, user_id: UserId) -> Totp | None:
        """A user's second factor, confirmed or not."""
        row = await self._connection.first(select(_totp).where(_totp.c.user_id == user_id))
        return None if row is None else record_of(Totp, row, _totp)

    async def save(self, totp: Totp) -> None:
        """Set a second factor, whether or not there was one."""
        changed = update(_totp).where(_totp.c.user_id == totp.user_id).values(values_of(totp))
        if not await self._connection.write(changed):
            await self._connection.write(insert(_totp), values_of(totp))

    async def take(self, user_id: UserId, proof: Proof) -> bool:
        """Use a code up; False if it is worth nothing, or it, or a code of a later period, was used before."""
        if proof.counter is not None:
            is_new = (_totp.c.user_id == user_id) & (_totp.c.last_counter < proof.counter)
            return bool(await self._connection.write(update(_totp).where(is_new).values(last_counter=proof.counter)))
        is_it = (_codes.c.user_id == user_id) & (_codes.c.digest == (proof.recovery or ""))
        return bool(await self._connection.write(delete(_codes).where(is_it)))

    async def remove(self, user_id: UserId) -> None:
        """Forget the second factor and its recovery codes."""
        await self._connection.write(delete(_codes).where(_codes.c.user_id == user_id))
        await self._connection.write(delete(_totp).where(_totp.c.user_id == user_id))

    async def set_recovery_codes(self, user_id: UserId, digests: Iterable[str]) -> None:
        """Replace all recovery codes."""
        await self._connection.write(delete(_codes).where(_codes.c.user_id == user_id))
        await self._connection.write(insert(_codes), [{"user_id": user_id, "digest": digest} for digest in digests])

    async def following(self, after: str, limit: int) -> list[Totp]:
        """Second factors in the order of their users' ids, those after the id `after`."""
        statement = select(_totp).where(_totp.c.user_id > after).order_by(_totp.c.user_id).limit(limit)
        return [record_of(Totp, row, _totp) for row in await self._connection.all(statement)]
