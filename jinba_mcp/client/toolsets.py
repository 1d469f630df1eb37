"""ToolSets: what they are, the draft as a whole, and the folder as a ZIP file.

The fields of `create` and `change` are those of REST (`name`, `description`, `language`, `packages`, `sandbox`,
`visibility`, `mcpEnabled`, `tags`, `env`, `sharedWith`; and `tools` for a new one).
"""

from typing import Any

from jinba_mcp.client.calls import Call, Page, document, guarded, json_content, nothing, page, path, query_of, raw
from jinba_mcp.client.documents import ToolSet, ToolSetDetail
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(*, limit: int | None = None, organization: str | None = None) -> Call[Page[ToolSet]]:
    """Every ToolSet, by slug; `limit` is per request, 200 at most."""
    return Call("GET", "/toolsets", page, organization=organization, query=query_of(limit=limit))


def _get(slug: str, *, organization: str | None = None) -> Call[ToolSetDetail]:
    """A ToolSet with its draft."""
    return Call("GET", path("toolsets", slug), document, organization=organization)


def _create(slug: str, *, organization: str | None = None, **fields: Any) -> Call[ToolSetDetail]:
    """Make a ToolSet."""
    return Call("POST", "/toolsets", document, organization=organization, **json_content({**fields, "slug": slug}))


def _change(
    slug: str, *, if_match: str | None = None, organization: str | None = None, **fields: Any
) -> Call[ToolSetDetail]:
    """Replace the given fields."""
    sent = guarded(json_content(fields), if_match)
    return Call("PATCH", path("toolsets", slug), document, organization=organization, **sent)


def _delete(
    slug: str, *, confirm: str | None = None, if_match: str | None = None, organization: str | None = None
) -> Call[None]:
    """Delete it for good; unless `confirm` is its slug, a `Conflict` says what would go with it."""
    sent = guarded({"query": query_of(confirm=confirm)}, if_match)
    return Call("DELETE", path("toolsets", slug), nothing, organization=organization, **sent)


def _export(slug: str, *, version: str | None = None, organization: str | None = None) -> Call[bytes]:
    """The folder of the draft, or of a version, as a ZIP file."""
    where = path("toolsets", slug, "export")
    return Call("GET", where, raw, organization=organization, query=query_of(version=version))


def _load(
    archive: bytes, *, slug: str | None = None, if_match: str | None = None, organization: str | None = None
) -> Call[ToolSetDetail]:
    """Make the ZIP file of a ToolSet's folder the draft, under its own name or as `slug`."""
    where = "/toolsets/import" if slug is None else path("toolsets", slug, "import")
    sent = guarded({"content": archive, "headers": {"Content-Type": "application/zip"}}, if_match)
    return Call("POST", where, document, organization=organization, **sent)


def _activate(
    slug: str, version: str, *, if_match: str | None = None, organization: str | None = None
) -> Call[ToolSet]:
    """Make a version the active one."""
    sent = guarded(json_content({"version": version}), if_match)
    return Call("PUT", path("toolsets", slug, "published-version"), document, organization=organization, **sent)


def _mcp_config(slug: str, *, client: str | None = None, organization: str | None = None) -> Call[dict[str, Any]]:
    """The configuration that connects an MCP client, such as `cursor`; of all that are known without one."""
    where = path("toolsets", slug, "mcp-config")
    return Call("GET", where, document, organization=organization, query=query_of(client=client))


def _openapi(slug: str, *, version: str | None = None, organization: str | None = None) -> Call[dict[str, Any]]:
    """The OpenAPI document of its tools, of the active version or the one named."""
    where = path("toolsets", slug, "openapi.json")
    return Call("GET", where, document, organization=organization, query=query_of(version=version))


class ToolSets(Noun):
    """The ToolSets of an organization."""

    list = EachNow(_page)
    get = Now(_get)
    create = Now(_create)
    change = Now(_change)
    delete = Now(_delete)
    export = Now(_export)
    load = Now(_load)
    activate = Now(_activate)
    mcp_config = Now(_mcp_config)
    openapi = Now(_openapi)


class AsyncToolSets(AsyncNoun):
    """The ToolSets of an organization."""

    list = EachLater(_page)
    get = Later(_get)
    create = Later(_create)
    change = Later(_change)
    delete = Later(_delete)
    export = Later(_export)
    load = Later(_load)
    activate = Later(_activate)
    mcp_config = Later(_mcp_config)
    openapi = Later(_openapi)
