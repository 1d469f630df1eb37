"""The audit log: who changed what, when and from where; each entry is chained to the one before it by its digest."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from jinba_mcp.domain import json_values
from jinba_mcp.domain.ids import AuditId, KeyId, OrganizationId, UserId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime

MAX_FAULTS = 20
"""Of one chain, of which more are not told: it is lost by then."""

NO_ENTRY = "sha256:" + "0" * 64
"""What the first entry of a chain says of the one before it."""


class ActorKind(StrEnum):
    """The kinds of caller, and the server itself."""

    ORGANIZATION_KEY = "organization"
    PERSONAL_KEY = "personal"
    SESSION = "session"
    OPERATOR = "operator"
    SYSTEM = "system"
    """A change that nobody asked for, such as retention."""


class AuditFact(Record):
    """What is to be remembered of one change. Secrets are in it as digests only."""

    id: AuditId
    organization_id: OrganizationId | None
    """None for what concerns the installation, such as the making of a user."""
    created_at: UtcDateTime
    actor: ActorKind
    user_id: UserId | None = None
    key_id: KeyId | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    address: str | None = None
    request_id: str | None = None
    action: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=60)]
    """`noun.happened`, such as `key.revoked`."""
    target: Annotated[str, Field(min_length=1, max_length=200)]
    """The id or the slug of what was changed."""
    before: JsonObject | None = None
    after: JsonObject | None = None


class AuditEntry(AuditFact):
    """A fact in its chain, of which each organization has one and the installation another."""

    sequence: Annotated[int, Field(ge=1)]
    """From 1, without a gap."""
    previous_digest: str
    digest: str

    def is_intact(self) -> bool:
        """Whether the entry still says what it said when it was written."""
        return self.digest == _digest(self.model_dump(mode="json", exclude={"digest"}))


def chained(fact: AuditFact, sequence: int, previous_digest: str) -> AuditEntry:
    """The entry of `fact` at its place in the chain."""
    said = {**fact.model_dump(mode="json"), "sequence": sequence, "previous_digest": previous_digest}
    return AuditEntry.model_validate({**said, "digest": _digest(said)})


def _digest(said: JsonObject) -> str:
    return json_values.digest(said)


class AuditFilter(Record):
    """Which entries a list shows; None does not filter. `since` is included, `until` is not."""

    action: str | None = None
    actor: str | None = None
    """The id of a user or of a key, or a kind of caller."""
    target: str | None = None
    since: UtcDateTime | None = None
    until: UtcDateTime | None = None


class Link(Record):
    """A place in a chain; the one before the first entry if not told otherwise."""

    sequence: int = 0
    digest: str = NO_ENTRY
    """Empty when the entry there cannot be read."""


class Fault(Record):
    """What shows that a chain was tampered with, and at which entry."""

    sequence: int
    detail: str


class ChainReport(Record):
    """What a look at a whole chain found; without faults it says all that was ever written to it, up to its head."""

    organization_id: OrganizationId | None
    entry_count: int
    head: Link
    """Where it ends. Kept elsewhere, it shows later whether the whole chain was written anew."""
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        return not self.faults


def entry_fault(
    before: Link, organization_id: OrganizationId | None, sequence: int, entry: AuditEntry | None
) -> Fault | None:
    """What is wrong with what was found after `before`, if anything; an `entry` of None cannot even be read."""
    expected = before.sequence + 1
    if sequence > expected:
        gone = f"entry {expected} is" if sequence == expected + 1 else f"entries {expected} to {sequence - 1} are"
        return Fault(sequence=expected, detail=f"{gone} missing")
    if sequence < expected:
        return Fault(sequence=sequence, detail="the entry was inserted")
    if entry is None or not entry.is_intact():
        return Fault(sequence=sequence, detail="the entry was changed")
    if entry.organization_id != organization_id:
        return Fault(sequence=sequence, detail="the entry belongs to another chain")
    if before.digest not in ("", entry.previous_digest):
        return Fault(sequence=sequence, detail="the entry does not follow the one before it")
    return None


def head_fault(last: Link, head: Link) -> Fault | None:
    """What is wrong with the end of a chain, if anything, given the head that is noted beside it."""
    if last.sequence < head.sequence:
        gone = f"entries {last.sequence + 1} to {head.sequence}"
        return Fault(sequence=last.sequence + 1, detail=f"{gone} are missing at the end")
    if last.sequence > head.sequence:
        return Fault(sequence=head.sequence + 1, detail="what follows was added past the head")
    if last.digest not in ("", head.digest):
        return Fault(sequence=head.sequence, detail="the entry is not the one that the head names")
    return None
