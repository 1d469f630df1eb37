"""Explore: public ToolSets, for which no key is needed."""

from jinba_mcp.client.calls import Call, Page, document, page, path, query_of
from jinba_mcp.client.public_documents import PublicToolSetDetail, PublicToolSetList, Tag
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _find(
    *, tag: str | None = None, q: str | None = None, limit: int | None = None, offset: int | None = None
) -> Call[PublicToolSetList]:
    """A stretch of the public ToolSets: from `offset` on, `limit` of them (100 at most)."""
    wanted = query_of(tag=tag, q=q, limit=limit, offset=offset)
    return Call("GET", "/explore/toolsets", document, is_in_organization=False, query=wanted)


def _get(organization: str, toolset: str) -> Call[PublicToolSetDetail]:
    """A public ToolSet with the tools of its active version."""
    return Call("GET", path("explore", "toolsets", organization, toolset), document, is_in_organization=False)


def _tags() -> Call[Page[Tag]]:
    """All tags in use."""
    return Call("GET", "/explore/tags", page, is_in_organization=False)


class Explore(Noun):
    """The public ToolSets of a server."""

    find = Now(_find)
    get = Now(_get)
    tags = EachNow(_tags)


class AsyncExplore(AsyncNoun):
    """The public ToolSets of a server."""

    find = Later(_find)
    get = Later(_get)
    tags = EachLater(_tags)
