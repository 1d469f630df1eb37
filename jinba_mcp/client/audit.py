"""The audit log of an organization."""

from datetime import datetime

from jinba_mcp.client.calls import Call, Page, page, query_of, raw
from jinba_mcp.client.documents import AuditEntry
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(  # noqa: PLR0913  the filters
    *,
    action: str | None = None,
    actor: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    organization: str | None = None,
) -> Call[Page[AuditEntry]]:
    """What was changed, newest first; `since` is included, `until` is not; `limit` is per request, 200 at most.

    `cursor` is the `nextCursor` of a page to go on from.
    """
    wanted = query_of(action=action, actor=actor, target=target, since=since, until=until, cursor=cursor, limit=limit)
    return Call("GET", "/audit-log", page, organization=organization, query=wanted)


def _export(  # noqa: PLR0913  the filters
    *,
    action: str | None = None,
    actor: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    organization: str | None = None,
) -> Call[bytes]:
    """The same as JSON lines, in one answer; what is larger than `max_response_bytes` is for `list`."""
    wanted = query_of(action=action, actor=actor, target=target, since=since, until=until, format="jsonl")
    return Call("GET", "/audit-log", raw, organization=organization, query=wanted)


class Audit(Noun):
    """What was changed in an organization."""

    list = EachNow(_page)
    page = Now(_page)
    export = Now(_export)


class AsyncAudit(AsyncNoun):
    """What was changed in an organization."""

    list = EachLater(_page)
    page = Later(_page)
    export = Later(_export)
