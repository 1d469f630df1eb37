"""Credits: rows and repository of balances and of the ledger, to which lines are added and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Select, delete, func, insert, select, update
from sqlmodel import Field

from jinba_mcp.domain import ids
from jinba_mcp.domain.credits import CreditKind, CreditTransaction
from jinba_mcp.domain.errors import CreditsInsufficient
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import page_by
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of

_SYSTEM = "system"


class CreditAccountRow(Row, table=True):
    """The balance of an organization that is metered."""

    __tablename__ = "credit_account"

    organization_id: str = Field(primary_key=True, foreign_key="organization.id", sa_type=WORD)
    balance: int = Field(sa_type=BigInteger)


class CreditTransactionRow(Row, table=True):
    """One line of the ledger."""

    __tablename__ = "credit_transaction"
    __table_args__ = (
        Index(None, "organization_id", "id"),
        Index(None, "organization_id", "reference", unique=True),
        Index(None, "run_id", "kind", unique=True),
    )

    id: str = Field(primary_key=True, sa_type=WORD)
    organization_id: str = Field(foreign_key="organization.id", sa_type=WORD)
    kind: str
    amount: int = Field(sa_type=BigInteger)
    balance: int | None = Field(sa_type=BigInteger)
    run_id: str | None = Field(sa_type=WORD)
    reference: str | None = Field(sa_type=WORD)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)


_accounts = table_of(CreditAccountRow)
_ledger = table_of(CreditTransactionRow)


def _transaction(row: Any) -> CreditTransaction:
    return record_of(CreditTransaction, row, _ledger)


class CreditRepository:
    """Balances and ledger in one transaction. One writes at a time, so a balance that was read is still so."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def balance(self, organization_id: OrganizationId) -> int | None:
        """What the organization may spend; None if it is not metered."""
        found = await self._connection.value(
            select(_accounts.c.balance).where(_accounts.c.organization_id == organization_id)
        )
        return None if found is None else int(found)

    async def page(self, organization_id: OrganizationId, request: PageRequest) -> Page[CreditTransaction]:
        """The organization's ledger, newest first."""
        statement = select(_ledger).where(_ledger.c.organization_id == organization_id)
        return await page_by(self._connection, statement, _ledger.c.id, request, _transaction, newest_first=True)

    async def find(self, organization_id: OrganizationId, reference: str) -> CreditTransaction | None:
        """The line of that reference."""
        is_it = (_ledger.c.organization_id == organization_id) & (_ledger.c.reference == reference)
        row = await self._connection.first(select(_ledger).where(is_it))
        return None if row is None else _transaction(row)

    async def add(self, line: CreditTransaction) -> CreditTransaction:
        """Add a line to the ledger, as its newest, and bring the balance to what it says."""
        newest = await self._connection.value(
            select(func.max(_ledger.c.id)).where(_ledger.c.organization_id == line.organization_id)
        )
        if newest is not None and line.id <= newest:
            line = line.model_copy(update={"id": ids.credit_id_after(newest)})
        mine = _accounts.c.organization_id == line.organization_id
        if line.balance is None:
            await self._connection.write(delete(_accounts).where(mine))
        elif not await self._connection.write(update(_accounts).where(mine).values(balance=line.balance)):
            values = {"organization_id": line.organization_id, "balance": line.balance}
            await self._connection.write(insert(_accounts), values)
        await self._connection.write(insert(_ledger), values_of(line))
        return line

    async def charge(self, run: Run, price: int) -> None:
        """Take the price of a run that is about to begin; nothing from an organization that is not metered.

        Raises:
            CreditsInsufficient: the balance is lower than the price.
        """
        balance = await self.balance(run.organization_id)
        if balance is None:
            return
        if balance < price:
            raise CreditsInsufficient(balance, price)
        await self.add(_line(run.organization_id, run.id, CreditKind.CHARGE, -price, balance - price, run.created_at))

    async def give_back(self, run_ids: Sequence[RunId] | Select[Any], at: datetime) -> None:
        """Give back what was taken for these runs, once each, unless the organization is not metered any more."""
        refunded = select(_ledger.c.run_id).where(_ledger.c.kind == CreditKind.REFUND, _ledger.c.run_id.in_(run_ids))
        is_owed = (_ledger.c.kind == CreditKind.CHARGE) & _ledger.c.run_id.in_(run_ids)
        owed = await self._connection.all(select(_ledger).where(is_owed, _ledger.c.run_id.not_in(refunded)))
        for charge in map(_transaction, owed):
            balance = await self.balance(charge.organization_id)
            if balance is not None:
                await self.add(
                    _line(
                        charge.organization_id, charge.run_id, CreditKind.REFUND,
                        -charge.amount, balance - charge.amount, at,
                    )
                )  # fmt: skip


def _line(  # noqa: PLR0913, PLR0917  a line of a ledger
    organization_id: OrganizationId, run_id: RunId | None, kind: CreditKind, amount: int, balance: int, at: datetime
) -> CreditTransaction:
    return CreditTransaction(
        id=ids.credit_id(at),
        organization_id=organization_id,
        kind=kind,
        amount=amount,
        balance=balance,
        run_id=run_id,
        created_by=_SYSTEM,
        created_at=at,
    )
