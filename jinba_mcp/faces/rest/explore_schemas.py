"""The wire forms of what anyone may see: public ToolSets."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.faces.rest.schemas import ToolOut, tool_out
from jinba_mcp.faces.rest.wire import In, Instant, Out, Text
from jinba_mcp.faces.web import sites

MAX_EXPLORED = 100
MAX_OFFSET = 100_000


class ExploreQuery(In):
    """What to look for in public ToolSets."""

    tag: Annotated[Text, Field(max_length=40)] | None = None
    q: Annotated[Text, Field(description="Text in the slug, name or description.")] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_EXPLORED)] = 50
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0


class PublisherOut(Out):
    """The organization that a public ToolSet is from."""

    slug: str
    name: str


class PublicToolSetOut(Out):
    """A public ToolSet with an active version."""

    organization: PublisherOut
    slug: str
    name: str
    description: str
    tags: list[str]
    version: str | None
    updated_at: Instant
    mcp_url: Annotated[str | None, Field(description="Its MCP endpoint; null when MCP is off for it.")]


class PublicToolSetDetailOut(PublicToolSetOut):
    """A public ToolSet with the tools of its active version."""

    tools: list[ToolOut]


class PublicToolSetList(Out):
    """A stretch of the public ToolSets and how many there are in all."""

    data: list[PublicToolSetOut]
    total: int
    limit: int
    offset: int


class TagOut(Out):
    """A tag and how many public ToolSets carry it."""

    tag: str
    count: int


class TagList(Out):
    """All tags in use."""

    data: list[TagOut]


def public_toolset_out(publisher: Organization, record: ToolSet, base_url: str) -> PublicToolSetOut:
    return PublicToolSetOut.model_validate(_fields(publisher, record, base_url))


def public_toolset_detail_out(
    publisher: Organization, record: ToolSet, tools: tuple[Tool, ...], base_url: str
) -> PublicToolSetDetailOut:
    return PublicToolSetDetailOut.model_validate(
        {**_fields(publisher, record, base_url), "tools": [tool_out(tool) for tool in tools]}
    )


def _fields(publisher: Organization, record: ToolSet, base_url: str) -> dict[str, object]:
    mcp_url = sites.public_endpoint(base_url, publisher.slug, record.slug) if record.listing.mcp_enabled else None
    return {
        "organization": PublisherOut(slug=publisher.slug, name=publisher.name),
        "slug": record.slug,
        "name": record.name,
        "description": record.description,
        "tags": list(record.listing.tags),
        "version": record.published_version,
        "updated_at": record.updated_at,
        "mcp_url": mcp_url,
    }
