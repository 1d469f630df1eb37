"""Credits: balances, the ledger, and what the operator does to them; runs charge them in `execution.py`."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.credits import MAX_AMOUNT, MAX_BALANCE, CreditKind, CreditTransaction
from jinba_mcp.domain.errors import Conflict, CreditsReferenceReused, FieldsInvalid
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.storage.store import Store

Reference = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]


class CreditChange(Record):
    """What the operator does to a balance: `grant` adds the amount, `set` makes it that, `unset` ends metering."""

    kind: CreditKind
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] = 0
    reference: Reference | None = None


class Credits:
    """Members read what is left and what it went for; only the operator changes it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def balance(self, caller: Caller, organization: str) -> int | None:
        """What the organization may spend; None if it is not metered."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.credits.balance(organization_id)

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[CreditTransaction]:
        """The ledger, newest first."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.credits.page(organization_id, request)

    async def change(self, caller: Caller, organization: str, change: CreditChange) -> CreditTransaction:
        """Add a line to the ledger; the line that is there already, if one has the reference.

        Raises:
            OperatorNeeded: the caller is a key, or a session.
            CreditsReferenceReused: the reference stands for another change.
            Conflict: there is no balance to unset.
            FieldsInvalid: the balance would be more than 10^15.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_operator()
        if change.kind in (CreditKind.CHARGE, CreditKind.REFUND):
            raise FieldsInvalid([{"pointer": "/kind", "detail": "grant, set or unset"}])
        now = self._clock()
        async with self._store.begin() as tx:
            before = None
            if change.reference is not None:
                before = await tx.credits.find(organization_id, change.reference)
            if before is not None:
                return _same(before, change)
            balance = await tx.credits.balance(organization_id)
            after = _after(balance, change)
            line = CreditTransaction(
                id=ids.credit_id(now),
                organization_id=OrganizationId(organization_id),
                kind=change.kind,
                amount=(after or 0) - (balance or 0),
                balance=after,
                reference=change.reference,
                created_by="operator",
                created_at=now,
            )
            line = await tx.credits.add(line)
            await tx.audit.add(
                fact(
                    caller, "credits.changed", line.id, organization_id=organization_id, at=now,
                    before={"balance": balance}, after={"balance": after, "kind": change.kind.value},
                )
            )  # fmt: skip
        return line


def _after(balance: int | None, change: CreditChange) -> int | None:
    if change.kind is CreditKind.UNSET:
        if balance is None:
            raise Conflict("This organization has no balance, so there is none to unset.")
        return None
    after = change.amount + (balance or 0 if change.kind is CreditKind.GRANT else 0)
    if after > MAX_BALANCE:
        raise FieldsInvalid([{"pointer": "/amount", "detail": f"no balance is above {MAX_BALANCE}"}])
    return after


def _same(line: CreditTransaction, change: CreditChange) -> CreditTransaction:
    asked = {CreditKind.GRANT: line.amount, CreditKind.SET: line.balance, CreditKind.UNSET: change.amount}
    if line.kind is not change.kind or asked[change.kind] != change.amount:
        raise CreditsReferenceReused(change.reference or "")
    return line
