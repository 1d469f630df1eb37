"""The audit log: rows, and the repository that chains them. Entries are added and read, nothing else."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, insert, select, union, update
from sqlmodel import Field

from jinba_mcp.domain.audit import AuditEntry, AuditFact, AuditFilter, Link, chained
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import MAX_LIMIT, Page
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import cut
from jinba_mcp.storage.tables import WORD, JsonText, Row, UtcDateTime, record_of, table_of, values_of

INSTALLATION = ""
"""The name of the chain that belongs to no organization."""


class AuditRow(Row, table=True):
    """One entry. It outlives the organization that it tells of, so there is no foreign key."""

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "chain", "sequence", unique=True),
        Index(None, "chain", "action", "sequence"),
        Index(None, "chain", "target", "sequence"),
        Index(None, "chain", "user_id", "sequence"),
        Index(None, "chain", "key_id", "sequence"),
    )

    id: str = Field(primary_key=True, sa_type=WORD)
    chain: str = Field(sa_type=WORD)
    organization_id: str | None = Field(sa_type=WORD)
    sequence: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(sa_type=WORD)
    user_id: str | None = Field(sa_type=WORD)
    key_id: str | None = Field(sa_type=WORD)
    key_name: str | None
    key_prefix: str | None
    address: str | None
    request_id: str | None
    action: str = Field(sa_type=WORD)
    target: str = Field(sa_type=WORD)
    before: dict[str, Any] | None = Field(sa_type=JsonText)
    after: dict[str, Any] | None = Field(sa_type=JsonText)
    previous_digest: str
    digest: str


class AuditHeadRow(Row, table=True):
    """The newest entry of each chain, so that its removal shows as well."""

    __tablename__ = "audit_head"

    chain: str = Field(primary_key=True, sa_type=WORD)
    sequence: int
    digest: str


_audit = table_of(AuditRow)
_heads = table_of(AuditHeadRow)


class AuditRepository:
    """The log in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, fact: AuditFact) -> AuditEntry:
        """Append to the chain of the fact's organization, in the transaction that makes the change."""
        # One transaction writes at a time, so nobody else appends between the look at the head and its move.
        chain = fact.organization_id or INSTALLATION
        head = await self.head(fact.organization_id)
        last = head or Link()
        entry = chained(fact, last.sequence + 1, last.digest)
        await self._connection.write(insert(_audit), {**values_of(entry), "chain": chain})
        moved = {"sequence": entry.sequence, "digest": entry.digest}
        if head is None:
            await self._connection.write(insert(_heads), {"chain": chain, **moved})
        else:
            await self._connection.write(update(_heads).where(_heads.c.chain == chain).values(moved))
        return entry

    async def head(self, organization_id: OrganizationId | None) -> Link | None:
        """The newest entry as noted beside the chain; None while there is none."""
        row = await self._connection.first(select(_heads).where(_heads.c.chain == (organization_id or INSTALLATION)))
        return None if row is None else Link(sequence=row["sequence"], digest=row["digest"])

    async def following(self, organization_id: OrganizationId | None, after: int, limit: int) -> list[AuditEntry]:
        """Up to `limit` entries of a chain, oldest first, those after the sequence number `after`."""
        is_next = (_audit.c.chain == (organization_id or INSTALLATION)) & (_audit.c.sequence > after)
        rows = await self._connection.all(select(_audit).where(is_next).order_by(_audit.c.sequence).limit(limit))
        return [record_of(AuditEntry, row, _audit) for row in rows]

    async def sequences(self, organization_id: OrganizationId | None, after: int | None, limit: int) -> list[int]:
        """Up to `limit` sequence numbers of a chain, from the lowest, or after `after`; whatever else stands there."""
        wanted = select(_audit.c.sequence).where(_audit.c.chain == (organization_id or INSTALLATION))
        if after is not None:
            wanted = wanted.where(_audit.c.sequence > after)
        rows = await self._connection.all(wanted.order_by(_audit.c.sequence).limit(limit))
        return [row["sequence"] for row in rows]

    async def legible(self, organization_id: OrganizationId | None, sequences: list[int]) -> dict[int, AuditEntry]:
        """The entries with these numbers, which go up, but for those that someone made something else of."""
        try:
            return await self._read(organization_id, sequences)
        except ValueError:
            if len(sequences) == 1:
                return {}
        # The driver reads all or nothing, so the ones that cannot be read are closed in on.
        middle = len(sequences) // 2
        return {
            **await self.legible(organization_id, sequences[:middle]),
            **await self.legible(organization_id, sequences[middle:]),
        }

    async def _read(self, organization_id: OrganizationId | None, sequences: list[int]) -> dict[int, AuditEntry]:
        is_one = (_audit.c.chain == (organization_id or INSTALLATION)) & _audit.c.sequence.in_(sequences)
        rows = await self._connection.all(select(_audit).where(is_one))
        return {row["sequence"]: record_of(AuditEntry, row, _audit) for row in rows}

    async def page(
        self, organization_id: OrganizationId | None, wanted: AuditFilter, before: int | None, limit: int
    ) -> Page[AuditEntry]:
        """Entries of a chain, newest first, those before the sequence number `before`; at most `MAX_LIMIT`."""
        limit = min(max(limit, 1), MAX_LIMIT)
        conditions = [_audit.c.chain == (organization_id or INSTALLATION), *_matching(wanted)]
        if before is not None:
            conditions.append(_audit.c.sequence < before)
        statement = select(_audit).where(*conditions).order_by(_audit.c.sequence.desc()).limit(limit + 1)
        rows = await self._connection.all(statement)
        return cut(rows, _audit.c.sequence, limit, lambda row: record_of(AuditEntry, row, _audit))

    async def chains(self, after: str | None, limit: int) -> list[str]:
        """Up to `limit` names of chains: ids of organizations, deleted ones too, and `INSTALLATION`."""
        names = union(select(_audit.c.chain), select(_heads.c.chain)).subquery()
        wanted = select(names.c.chain).order_by(names.c.chain).limit(limit)
        rows = await self._connection.all(wanted if after is None else wanted.where(names.c.chain > after))
        return [row["chain"] for row in rows]


def _matching(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    equal = {_audit.c.action: wanted.action, _audit.c.target: wanted.target}
    if wanted.actor is not None:
        kind = wanted.actor.partition("_")[0]
        columns = {"user": _audit.c.user_id, "key": _audit.c.key_id}
        equal[columns.get(kind, _audit.c.actor)] = wanted.actor
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        conditions.append(_audit.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_audit.c.created_at < wanted.until)
    return conditions
