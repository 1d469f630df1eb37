"""The wire forms of the audit log."""

from typing import Annotated, Literal

from pydantic import Field

from jinba_mcp.domain.audit import ActorKind, AuditEntry, AuditFilter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest.wire import Instant, InstantIn, Out, PageOut, PageQuery, Text


class AuditQuery(PageQuery):
    """Which entries to list; `since` is included, `until` is not."""

    action: Annotated[Text | None, Field(description="Such as key.revoked.")] = None
    actor: Annotated[Text | None, Field(description="The id of a user or of a key, or a kind of caller.")] = None
    target: Annotated[Text | None, Field(description="The id or the slug of what was changed.")] = None
    since: InstantIn | None = None
    until: InstantIn | None = None
    format: Annotated[
        Literal["json", "jsonl"],
        Field(description="`jsonl`: every entry from here on, one to a line, whatever `limit` says."),
    ] = "json"

    def filter(self) -> AuditFilter:
        return AuditFilter(**self.model_dump(exclude={"limit", "cursor", "format"}))


class AuditEntryOut(Out):
    """A change: who made it, when, from where, and what was there before and after. Secrets are digests."""

    id: str
    sequence: Annotated[int, Field(description="From 1 in each organization, without a gap.")]
    created_at: Instant
    action: str
    target: str
    actor: Annotated[ActorKind, Field(description="The kind of caller; `system` is the server itself.")]
    user_id: str | None
    key_id: str | None
    key_name: str | None
    key_prefix: str | None
    address: str | None
    request_id: str | None
    before: JsonObject | None
    after: JsonObject | None
    previous_digest: Annotated[str, Field(description="The digest of the entry before.")]
    digest: Annotated[str, Field(description="Over all of the entry, `previousDigest` included.")]


class AuditPage(PageOut[AuditEntryOut]):
    """Entries, newest first."""


def audit_entry_out(record: AuditEntry) -> AuditEntryOut:
    return AuditEntryOut(**record.model_dump(exclude={"organization_id"}))
