"""The wire forms of credits."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from jinba_mcp.core.credits import CreditChange, Reference
from jinba_mcp.domain.credits import MAX_AMOUNT, CreditKind, CreditTransaction
from jinba_mcp.faces.rest.wire import WHOLE, In, Instant, Out, PageOut


class CreditsOut(Out):
    """What an organization may spend."""

    balance: Annotated[int | None, Field(description="Null: it is not metered, so that tools with a price run free.")]


class CreditTransactionOut(Out):
    """A line of the ledger; the amounts of all lines add up to the balance."""

    id: str
    kind: CreditKind
    amount: Annotated[int, Field(description="Negative where it was taken.")]
    balance: Annotated[int | None, Field(description="After it.")]
    run_id: str | None
    reference: str | None
    created_by: str
    created_at: Instant


class CreditTransactionPage(PageOut[CreditTransactionOut]):
    """The ledger, newest first."""


class CreditChangeIn(In):
    """`grant` adds the amount, `set` makes the balance that, `unset` ends metering."""

    kind: Literal["grant", "set", "unset"]
    amount: Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT), WHOLE] = 0
    reference: Annotated[Reference | None, Field(description="A second change of the same name is not made.")] = None

    def change(self) -> CreditChange:
        return CreditChange(kind=CreditKind(self.kind), amount=self.amount, reference=self.reference)


def credit_transaction_out(line: CreditTransaction) -> CreditTransactionOut:
    return CreditTransactionOut(**line.model_dump(exclude={"organization_id"}))
