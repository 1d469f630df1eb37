"""Retention: row and repository of what organizations say of how long their runs are kept."""

from sqlalchemy import select
from sqlmodel import Field

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.retention import Retention
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, record_of, table_of, values_of


class RetentionRow(Row, table=True):
    """What one organization has said."""

    __tablename__ = "retention"

    organization_id: str = Field(primary_key=True, foreign_key="organization.id", sa_type=WORD)
    days: int | None
    count: int | None


_retention = table_of(RetentionRow)


class RetentionRepository:
    """What organizations have said, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, organization_id: OrganizationId) -> Retention:
        """What the organization has said; nothing at first."""
        is_it = _retention.c.organization_id == organization_id
        row = await self._connection.first(select(_retention).where(is_it))
        return Retention() if row is None else record_of(Retention, row, _retention)

    async def save(self, organization_id: OrganizationId, wanted: Retention) -> None:
        """Store it in place of what was said before."""
        values = values_of(wanted)
        insertion = self._connection.insertion(_retention)
        saved = insertion.on_conflict_do_update(index_elements=["organization_id"], set_=values)
        await self._connection.write(saved, {"organization_id": organization_id, **values})
