"""The documents about public ToolSets, which anyone is told of."""

from typing import TypedDict

from jinba_mcp.client.documents import Tool


class Publisher(TypedDict):
    """The organization that a public ToolSet is from."""

    slug: str
    name: str


class PublicToolSet(TypedDict):
    """A public ToolSet with an active version."""

    organization: Publisher
    slug: str
    name: str
    description: str
    tags: list[str]
    version: str | None
    updatedAt: str
    mcpUrl: str | None


class PublicToolSetDetail(PublicToolSet):
    """A public ToolSet with the tools of its active version."""

    tools: list[Tool]


class PublicToolSetList(TypedDict):
    """A stretch of the public ToolSets, and how many there are in all."""

    data: list[PublicToolSet]
    total: int
    limit: int
    offset: int


class Tag(TypedDict):
    """A tag, and how many public ToolSets carry it."""

    tag: str
    count: int
