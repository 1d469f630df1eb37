"""Tools of a draft; their fields are those of REST (`name`, `description`, `entrypoint`, `code`, `inputSchema`, …)."""

from typing import Any

from jinba_mcp.client.calls import Call, Page, document, guarded, json_content, nothing, page, path
from jinba_mcp.client.documents import Tool, ToolDetail
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(toolset: str, *, organization: str | None = None) -> Call[Page[Tool]]:
    """The tools of the draft, by slug."""
    return Call("GET", path("toolsets", toolset, "tools"), page, organization=organization)


def _get(toolset: str, tool: str, *, organization: str | None = None) -> Call[ToolDetail]:
    """A tool of the draft with its code."""
    return Call("GET", path("toolsets", toolset, "tools", tool), document, organization=organization)


def _create(
    toolset: str, tool: str, code: str, *, if_match: str | None = None, organization: str | None = None, **fields: Any
) -> Call[ToolDetail]:
    """Add a tool to the draft."""
    sent = guarded(json_content({**fields, "slug": tool, "code": code}), if_match)
    return Call("POST", path("toolsets", toolset, "tools"), document, organization=organization, **sent)


def _change(
    toolset: str, tool: str, *, if_match: str | None = None, organization: str | None = None, **fields: Any
) -> Call[ToolDetail]:
    """Replace the given fields."""
    sent = guarded(json_content(fields), if_match)
    return Call("PATCH", path("toolsets", toolset, "tools", tool), document, organization=organization, **sent)


def _delete(toolset: str, tool: str, *, if_match: str | None = None, organization: str | None = None) -> Call[None]:
    """Take a tool out of the draft; versions that have it keep it."""
    sent = guarded({}, if_match)
    return Call("DELETE", path("toolsets", toolset, "tools", tool), nothing, organization=organization, **sent)


class Tools(Noun):
    """The tools of drafts."""

    list = EachNow(_page)
    get = Now(_get)
    create = Now(_create)
    change = Now(_change)
    delete = Now(_delete)


class AsyncTools(AsyncNoun):
    """The tools of drafts."""

    list = EachLater(_page)
    get = Later(_get)
    create = Later(_create)
    change = Later(_change)
    delete = Later(_delete)
