"""Repeats: row and repository of the claims that calls lay to their idempotency keys."""

from datetime import datetime

from sqlalchemy import delete, insert, select, tuple_
from sqlmodel import Field

from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.repeats import KEPT_FOR, Claim
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of


class ClaimRow(Row, table=True):
    """A key that is taken."""

    __tablename__ = "run_claim"

    organization_id: str = Field(primary_key=True, sa_type=WORD)
    key_digest: str = Field(primary_key=True, sa_type=WORD)
    fingerprint: str
    run_id: str = Field(sa_type=WORD)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


_claims = table_of(ClaimRow)


class RepeatRepository:
    """Claims in one transaction. One that is older than `KEPT_FOR` is as good as none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, organization_id: OrganizationId, key_digest: str, now: datetime) -> Claim | None:
        """The claim that holds."""
        is_it = (_claims.c.organization_id == organization_id) & (_claims.c.key_digest == key_digest)
        row = await self._connection.first(select(_claims).where(is_it, _claims.c.created_at > now - KEPT_FOR))
        return None if row is None else record_of(Claim, row, _claims)

    async def claim(self, wanted: Claim) -> Claim:
        """The claim that holds from now on: `wanted`, or the one that was there before it."""
        # One transaction writes at a time, so nobody else claims between the look and the insert.
        holding = await self.find(wanted.organization_id, wanted.key_digest, wanted.created_at)
        if holding is not None:
            return holding
        is_it = (_claims.c.organization_id == wanted.organization_id) & (_claims.c.key_digest == wanted.key_digest)
        await self._connection.write(delete(_claims).where(is_it))
        await self._connection.write(insert(_claims), values_of(wanted))
        return wanted

    async def release(self, run_id: RunId, organization_id: OrganizationId, key_digest: str) -> None:
        """Give a key free again that this run has claimed."""
        is_it = (_claims.c.organization_id == organization_id) & (_claims.c.key_digest == key_digest)
        await self._connection.write(delete(_claims).where(is_it, _claims.c.run_id == run_id))

    async def sweep(self, now: datetime, limit: int) -> int:
        """Remove up to `limit` claims that hold no more; how many there were."""
        key = tuple_(_claims.c.organization_id, _claims.c.key_digest)
        old = select(_claims.c.organization_id, _claims.c.key_digest).where(_claims.c.created_at <= now - KEPT_FOR)
        return await self._connection.write(delete(_claims).where(key.in_(old.limit(limit))))
