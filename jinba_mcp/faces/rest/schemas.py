"""The wire forms of what the registry holds: organizations, ToolSets, tools, versions, and who is asking."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StrictBool

from jinba_mcp.domain.caller import CallerKind
from jinba_mcp.domain.diffs import Diff
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.sandboxes import Provider, Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tools import Annotations, Language, Tool
from jinba_mcp.domain.toolsets import Content, ToolSet, Visibility
from jinba_mcp.domain.versions import NUMBER_PATTERN, Snapshot, Version
from jinba_mcp.faces.rest.key_schemas import KeyOut
from jinba_mcp.faces.rest.limit_schemas import LimitsOut
from jinba_mcp.faces.rest.wire import In, Instant, NoQuery, Out, PageOut, PatchIn, Text, WithoutNul

Number = Annotated[Text, Field(max_length=64, examples=["1.4.0"])]
"""A version number; which there are is the core's to say."""


class OrganizationOut(Out):
    """A tenant."""

    id: str
    slug: str
    name: str
    created_at: Instant


class OrganizationPage(PageOut[OrganizationOut]):
    """Organizations."""


class OrganizationName(Out):
    """An organization, for recognition."""

    id: str
    slug: str
    name: str


class UserName(Out):
    """A user, for recognition."""

    id: str
    email: str
    name: str


class MeOut(Out):
    """Who is asking."""

    kind: CallerKind
    key: KeyOut | None
    organization: OrganizationName | None
    """Null for a personal key and a session, which act in all of their user's."""
    user: UserName | None
    scopes: list[Scope]
    limits: LimitsOut


class ToolOut(Out):
    """A tool without its code."""

    slug: str
    name: str
    description: str
    entrypoint: str
    input_schema: JsonObject
    output_schema: JsonObject | None
    annotations: Annotations


class ToolDetailOut(ToolOut):
    """A tool with its code."""

    code: str


class ToolList(Out):
    """All tools of a ToolSet, in the order of their slugs."""

    data: list[ToolOut]
    next_cursor: None = None


class SandboxOut(Out):
    """What the code asks to run with; null is the server's default."""

    provider: Provider | None
    timeout: Annotated[float | None, Field(description="Seconds of wall time.")]
    cpu: Annotated[float | None, Field(description="Seconds of processor time.")] = None
    memory: Annotated[int | None, Field(description="Megabytes.")]
    processes: Annotated[int | None, Field(description="Threads.")] = None
    tmp: Annotated[int | None, Field(description="Megabytes in /tmp.")] = None
    output: Annotated[int | None, Field(description="Kilobytes of JSON.")] = None
    logs: Annotated[int | None, Field(description="Kilobytes of each stream.")] = None
    network: Annotated[
        Literal["off", "on"] | tuple[str, ...],
        Field(description="off, on (any public address), or the hosts that may be called."),
    ]
    mode: Literal["one_shot", "reuse"] = "one_shot"
    prewarm: Literal["tool", "packages", "off"] = "tool"


class ToolSetOut(Out):
    """A ToolSet without its tools."""

    id: str
    organization_id: str
    slug: str
    name: str
    description: str
    visibility: Visibility
    mcp_enabled: bool
    tags: list[str]
    prices: Annotated[dict[str, int], Field(description="Credits that a run costs, by slug of the tool.")]
    published_version: Annotated[str | None, Field(description="The active version.")]
    latest_version: Annotated[str | None, Field(description="The newest published version.")]
    created_at: Instant
    updated_at: Instant


class ToolSetDetailOut(ToolSetOut):
    """A ToolSet with its draft: what is edited, and published next."""

    shared_with: Annotated[list[str], Field(description="Slugs of the organizations that may run it if restricted.")]
    language: Language
    packages: list[Package]
    sandbox: SandboxOut
    tools: list[ToolOut]


class ToolSetPage(PageOut[ToolSetOut]):
    """ToolSets by slug."""


class VersionOut(Out):
    """A version without what it froze."""

    id: str
    version: str
    digest: str
    origin: str
    release_notes: str
    published_by: str
    created_at: Instant
    deprecated_at: Instant | None
    deprecation_message: str | None
    yanked_at: Instant | None
    yank_reason: str | None


class VersionDetailOut(VersionOut):
    """A version with all that it froze, code included."""

    name: str
    description: str
    language: Language
    packages: list[Package]
    sandbox: SandboxOut
    tools: list[ToolDetailOut]


class VersionPage(PageOut[VersionOut]):
    """Versions, newest first."""


class ChangeOut(Out):
    """A value that differs; null where there is none."""

    pointer: str
    before: JsonValue
    after: JsonValue


class ToolChangeOut(Out):
    """A tool that is in both versions and differs."""

    tool: str
    fields: list[str]
    code: Annotated[list[str] | None, Field(description="A unified diff by lines; null when the code is the same.")]
    schemas: list[ChangeOut]
    is_cut: Annotated[bool, Field(description="Whether more differs than is shown.")]


class BreakingOut(Out):
    """What callers of the older one may stumble over."""

    tool: str
    pointer: Annotated[str, Field(description="Into the tool, such as /inputSchema/properties/name.")]
    kind: str
    detail: str


class DiffOut(Out):
    """What changed from one version to another."""

    from_version: str
    to_version: str
    added: list[str]
    removed: list[str]
    changed: list[ToolChangeOut]
    toolset_fields: Annotated[list[str], Field(alias="toolSetFields")]
    packages: list[ChangeOut]
    sandbox: list[ChangeOut]
    breaking: list[BreakingOut]


class PublicationIn(In):
    """What to publish of the draft; without `version` the next patch, without `activate` active only if the first."""

    version: Annotated[Number, Field(min_length=1, json_schema_extra={"pattern": NUMBER_PATTERN})] | None = None
    release_notes: Annotated[str, Field(max_length=20_000), WithoutNul()] = ""
    activate: StrictBool | None = None


class MarksIn(PatchIn):
    """Marks to set or, with false, to take back; what is not given stays as it is."""

    deprecated: StrictBool | None = None
    deprecation_message: Annotated[str, Field(max_length=1_000), WithoutNul()] | None = None
    yanked: StrictBool | None = None
    yank_reason: Annotated[str, Field(max_length=1_000), WithoutNul()] | None = None
    release_notes: Annotated[str, Field(max_length=20_000), WithoutNul()] | None = None


class ActivationIn(In):
    """Which version is to be the active one."""

    version: Number


class McpConfigQuery(NoQuery):
    """Which client to configure; without it all of them, by name."""

    client: McpClient | None = None


def organization_out(record: Organization) -> OrganizationOut:
    return OrganizationOut(**record.model_dump())


def tool_out(tool: Tool) -> ToolOut:
    return ToolOut(**_tool_fields(tool))


def tool_detail_out(tool: Tool) -> ToolDetailOut:
    return ToolDetailOut(**_tool_fields(tool), code=tool.code)


def _tool_fields(tool: Tool) -> dict[str, object]:
    return {name: getattr(tool, name) for name in ToolOut.model_fields}


def _sandbox_out(sandbox: Sandbox) -> SandboxOut:
    return SandboxOut(
        provider=sandbox.provider,
        timeout=sandbox.timeout_s,
        cpu=sandbox.cpu_s,
        memory=sandbox.memory_mb,
        processes=sandbox.process_count,
        tmp=sandbox.tmp_mb,
        output=sandbox.output_kb,
        logs=sandbox.log_kb,
        network=sandbox.network,
        mode=sandbox.mode,
        prewarm=sandbox.prewarm,
    )


def toolset_out(record: ToolSet) -> ToolSetOut:
    return ToolSetOut(**_toolset_fields(record))


def toolset_detail_out(record: ToolSet, content: Content, shared_with: list[str]) -> ToolSetDetailOut:
    return ToolSetDetailOut(
        **_toolset_fields(record),
        shared_with=shared_with,
        language=content.language,
        packages=list(content.packages),
        sandbox=_sandbox_out(content.sandbox),
        tools=[tool_out(tool) for tool in content.tools],
    )


def _toolset_fields(record: ToolSet) -> dict[str, object]:
    return {
        **record.model_dump(exclude={"listing", "published_version_id"}),
        **record.listing.model_dump(exclude={"env", "shared_with", "prices"}),
        "prices": record.listing.prices,
    }


def version_out(record: Version) -> VersionOut:
    return VersionOut(**_version_fields(record))


def version_detail_out(snapshot: Snapshot) -> VersionDetailOut:
    content = snapshot.content
    return VersionDetailOut(
        **_version_fields(snapshot.version),
        name=content.name,
        description=content.description,
        language=content.language,
        packages=list(content.packages),
        sandbox=_sandbox_out(content.sandbox),
        tools=[tool_detail_out(tool) for tool in content.tools],
    )


def _version_fields(record: Version) -> dict[str, object]:
    return {**record.model_dump(exclude={"toolset_id", "number"}), "version": record.number}


def diff_out(record: Diff) -> DiffOut:
    return DiffOut(**record.model_dump())
