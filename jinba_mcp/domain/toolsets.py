"""ToolSets: the named, versioned group of tools that is published, narrowed to and served as one MCP server."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from jinba_mcp.domain.ids import OrganizationId, ToolSetId, VersionId
from jinba_mcp.domain.records import Record, UtcDateTime
from jinba_mcp.domain.tools import Language, Slug, Tool

MAX_TOOLS = 1_000


class Visibility(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"
    """Any valid key with `execute` may run it, and it is listed in explore."""


class Origin(StrEnum):
    """Who wrote the code; decides which engines may run it."""

    OPERATOR = "operator"
    """From a folder, by whoever holds the machine. The in-process engine runs only this."""
    API = "api"
    """From anyone with a `write` key. Waits for a sandbox."""


class Package(Record):
    """A library the code imports."""

    name: Annotated[str, Field(max_length=200)]
    version: Annotated[str, Field(max_length=100)] | None = None


class Sandbox(Record):
    """What the code is given to run with; None means the server's default."""

    provider: Literal["inprocess", "local"] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=900)] | None = None
    memory_mb: Annotated[int, Field(ge=16, le=16_384)] | None = None
    network: bool = False


class EnvDeclaration(Record):
    """A variable the code expects: a secret by name only, or a plain value."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,127}$")]
    value: Annotated[str, Field(max_length=32_768)] | None = None
    secret: bool = False


class Content(Record):
    """All of a ToolSet that a version freezes."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Language = "python"
    packages: tuple[Package, ...] = ()
    sandbox: Sandbox = Sandbox()
    tools: Annotated[tuple[Tool, ...], Field(max_length=MAX_TOOLS)] = ()
    """In the order of their slugs."""

    def find_tool(self, slug: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.slug == slug), None)


class Listing(Record):
    """What is said of a ToolSet beside its code; changing it needs no new version."""

    visibility: Visibility = Visibility.PRIVATE
    mcp_enabled: bool = False
    tags: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], Field(max_length=20)] = ()
    env: tuple[EnvDeclaration, ...] = ()


class ToolSet(Record):
    """A ToolSet without its code; `published_*` is the active version, `latest_version` the newest published number."""

    id: ToolSetId
    organization_id: OrganizationId
    slug: Slug
    name: str
    description: str
    listing: Listing
    published_version_id: VersionId | None = None
    published_version: str | None = None
    latest_version: str | None = None
    created_at: UtcDateTime
    updated_at: UtcDateTime


class Draft(Record):
    """What is edited: the content to be frozen next and where it came from."""

    content: Content
    origin: Origin
    source_digest: str
    """Of what the author gave; while that is the same, its code need not be read for schemas again."""
    updated_at: UtcDateTime
