"""The audit log: page by page, or all of it as JSON lines."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from jinba_mcp.domain.audit import AuditEntry
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.faces.rest.audit_schemas import AuditPage, AuditQuery, audit_entry_out
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.wire import page_out

LINES = "application/x-ndjson"


async def page(asked: Asked[AuditQuery, None]) -> AuditPage | Response:
    request = asked.query.request()
    if asked.query.format == "json" and LINES not in asked.headers.get("accept", ""):
        return page_out(AuditPage, await _page(asked, request), audit_entry_out)
    # The first page is read before the answer begins, so that what is refused is refused properly.
    first = await _page(asked, request.model_copy(update={"limit": MAX_LIMIT}))
    return StreamingResponse(_lines(asked, first), media_type=LINES)


async def _lines(asked: Asked[AuditQuery, None], found: Page[AuditEntry]) -> AsyncIterator[str]:
    while True:
        yield "".join(audit_entry_out(entry).model_dump_json(by_alias=True) + "\n" for entry in found.items)
        if found.next_cursor is None:
            return
        found = await _page(asked, PageRequest(limit=MAX_LIMIT, after=found.next_cursor))


async def _page(asked: Asked[AuditQuery, None], request: PageRequest) -> Page[AuditEntry]:
    return await asked.core.audit.page(asked.caller, asked.path["org"], asked.query.filter(), request)
