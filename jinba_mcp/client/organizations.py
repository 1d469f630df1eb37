"""Organizations."""

from typing import Any

from jinba_mcp.client.calls import Call, Page, document, given, json_content, nothing, page, query_of
from jinba_mcp.client.documents import Organization, Retention
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(*, limit: int | None = None) -> Call[Page[Organization]]:
    """Every organization that the key is at home in; `limit` is per request, 200 at most."""
    return Call("GET", "/orgs", page, is_in_organization=False, query=query_of(limit=limit))


def _get(organization: str | None = None) -> Call[Organization]:
    """One organization, the client's own if not told otherwise."""
    return Call("GET", "", document, organization=organization)


def _create(slug: str, *, name: str | None = None) -> Call[Organization]:
    """Make an organization that the user of a personal key owns; without a name it is called like its slug."""
    return Call("POST", "/orgs", document, is_in_organization=False, **json_content(given(slug=slug, name=name)))


def _change(*, slug: str | None = None, name: str | None = None, organization: str | None = None) -> Call[Organization]:
    """Replace what is given; a slug that it had before goes on working."""
    return Call("PATCH", "", document, organization=organization, **json_content(given(slug=slug, name=name)))


def _delete(organization: str, *, confirm: str | None = None) -> Call[None]:
    """Delete it for good; unless `confirm` is its slug, a `Conflict` says what would go with it."""
    return Call("DELETE", "", nothing, organization=organization, query=query_of(confirm=confirm))


def _mcp_config(*, client: str | None = None, organization: str | None = None) -> Call[dict[str, Any]]:
    """The configuration that connects an MCP client, such as `cursor`, to all ToolSets; of all clients without one."""
    return Call("GET", "/mcp-config", document, organization=organization, query=query_of(client=client))


def _retention(*, organization: str | None = None) -> Call[Retention]:
    """How long it keeps records of runs, and what the server keeps at most."""
    return Call("GET", "/retention", document, organization=organization)


def _retain(*, days: int | None, count: int | None, organization: str | None = None) -> Call[Retention]:
    """Keep records of runs for so many days, and so many of them; None leaves it to the server."""
    content = json_content({"days": days, "count": count})
    return Call("PUT", "/retention", document, organization=organization, **content)


class Organizations(Noun):
    """The organizations of the key."""

    list = EachNow(_page)
    get = Now(_get)
    create = Now(_create)
    change = Now(_change)
    delete = Now(_delete)
    mcp_config = Now(_mcp_config)
    retention = Now(_retention)
    retain = Now(_retain)


class AsyncOrganizations(AsyncNoun):
    """The organizations of the key."""

    list = EachLater(_page)
    get = Later(_get)
    create = Later(_create)
    change = Later(_change)
    delete = Later(_delete)
    mcp_config = Later(_mcp_config)
    retention = Later(_retention)
    retain = Later(_retain)
