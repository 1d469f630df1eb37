"""ToolSets: the named, versioned group of tools that is published, narrowed to and served as one MCP server."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from jinba_mcp.domain.credits import Price
from jinba_mcp.domain.env import MAX_VARIABLES, EnvDeclaration
from jinba_mcp.domain.ids import OrganizationId, ToolSetId, VersionId
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.records import Record, UtcDateTime, later
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.tools import Language, Slug, Tool, ToolSlug

MAX_TOOLSETS = 1_000
"""Of an organization."""
MAX_TOOLS = 1_000
MAX_PACKAGES = 200
MAX_SHARED = 100
RESERVED_SLUGS = frozenset({"import"})
"""They stand in URLs where the slug of a ToolSet does."""


Shared = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,63}$")]


class Visibility(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"
    """Any valid key with `execute` may run it, and it is listed in explore."""
    RESTRICTED = "restricted"
    """The organizations that it is shared with may run it as if it were public; for others it is not there."""


class Origin(StrEnum):
    """Who wrote the code; decides which engines may run it."""

    OPERATOR = "operator"
    """From a folder, by whoever holds the machine. The in-process engine runs only this."""
    API = "api"
    """From anyone with a `write` key. Runs only in a sandbox."""


class Content(Record):
    """All of a ToolSet that a version freezes."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Language = "python"
    packages: Annotated[tuple[Package, ...], Field(max_length=MAX_PACKAGES)] = ()
    lock: Lock | None = later(None)
    """What the packages resolved to; None while there are none."""
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
    env: Annotated[tuple[EnvDeclaration, ...], Field(max_length=MAX_VARIABLES)] = ()
    shared_with: Annotated[tuple[Shared, ...], Field(max_length=MAX_SHARED)] = later(())
    """Who may run it while it is `restricted`: an author names organizations by id or slug, stored are their ids."""
    prices: Annotated[dict[ToolSlug, Price], Field(max_length=MAX_TOOLS)] = later({})
    """Credits that a run costs, by slug of the tool; others cost none."""


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
    derived: dict[str, tuple[str, ...]] | None = None
    """By slug of the tool, which of its fields were read from its code; None in drafts from before that was noted."""
    updated_at: UtcDateTime
