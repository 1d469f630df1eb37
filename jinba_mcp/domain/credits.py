"""Credits: what an organization may spend on tools that carry a price, and the ledger of how it was spent."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.ids import CreditId, OrganizationId, RunId
from jinba_mcp.domain.records import Record, UtcDateTime

MAX_AMOUNT = 1_000_000_000_000
MAX_BALANCE = 1_000_000_000_000_000
"""Well below 2^53, so that every JSON reader has it exactly."""

Price = Annotated[int, Field(ge=0, le=1_000_000_000)]


class CreditKind(StrEnum):
    """What moved a balance."""

    GRANT = "grant"
    """Added by the operator."""
    SET = "set"
    """Brought to a value by the operator."""
    UNSET = "unset"
    """Given up by the operator: the organization is not metered any more."""
    CHARGE = "charge"
    """Taken for a run, before it began."""
    REFUND = "refund"
    """Given back for a run that could not start, or whose server ended before it did."""


class CreditTransaction(Record):
    """A line of the ledger. The amounts of all lines of an organization add up to its balance."""

    id: CreditId
    organization_id: OrganizationId
    kind: CreditKind
    amount: int
    """What was added to the balance; negative where it was taken."""
    balance: int | None
    """After it; None when the organization is not metered any more."""
    run_id: RunId | None = None
    reference: str | None = None
    """What the operator calls it; a second one of the same name is not made."""
    created_by: str
    created_at: UtcDateTime
