"""Organizations: the tenants."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.records import Record, UtcDateTime

MAX_FORMER_SLUGS = 20
"""How often an organization may take another slug; the earlier ones stay its own."""
MAX_OWNED = 100
"""How many organizations a user may own when making another."""
LONGEST_IN_FLIGHT = timedelta(hours=24)
"""No run or request takes longer."""

OrganizationTitle = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""What people call it."""


class Organization(Record):
    """The tenant: owns ToolSets, keys and runs."""

    id: OrganizationId
    slug: str
    name: str
    created_at: UtcDateTime


class Contents(Record):
    """What an organization holds, and takes with it when it is deleted. The audit log stays.

    What hangs from these goes with them: drafts and tags of ToolSets, words and statistics of runs, the balance.
    """

    toolsets: int
    versions: int
    variables: int
    keys: int
    members: int
    invitations: int
    webhooks: int
    deliveries: int
    runs: int
    transactions: int
    """Lines in the ledger of credits."""


class Removal(Record):
    """An organization that is gone for everyone, while what it left is still being deleted."""

    organization_id: OrganizationId
    removed_at: UtcDateTime

    def is_over(self, now: datetime) -> bool:
        """Whether nothing comes any more: what was in flight when it was removed has ended."""
        return now - self.removed_at > LONGEST_IN_FLIGHT
