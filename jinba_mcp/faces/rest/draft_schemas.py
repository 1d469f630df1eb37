"""The wire forms of what authors send: ToolSets, tools, and what to change about them."""

from typing import Annotated, Any, get_args

from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from jinba_mcp.domain.credits import Price
from jinba_mcp.domain.env import MAX_VARIABLES, EnvDeclaration
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.sandboxes import INPROCESS, Mode, Network, Prewarm, Provider, Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import MAX_CODE_BYTES, Annotations, Entrypoint, Language, Slug, ToolSlug
from jinba_mcp.domain.toolsets import MAX_PACKAGES, MAX_SHARED, MAX_TOOLS, Listing, Shared, Visibility
from jinba_mcp.faces.rest.wire import WHOLE, In, PatchIn, WithoutNul


def _code(text: str) -> str:
    if len(text.encode()) > MAX_CODE_BYTES:
        raise ValueError(f"more than {MAX_CODE_BYTES // 1024} KB in UTF-8")
    return text.removeprefix("\ufeff")


def _declared(entries: tuple[EnvDeclaration, ...]) -> tuple[EnvDeclaration, ...]:
    keys = [entry.key for entry in entries]
    if len(set(keys)) < len(keys):
        raise ValueError("a key stands here twice")
    for entry in entries:
        if entry.secret == (entry.value is not None):
            raise ValueError(f"'{entry.key}': give a value, or secret: true")
    return entries


Name = Annotated[str, Field(max_length=200, examples=["Greeting tools"]), WithoutNul()]
Description = Annotated[str, Field(max_length=20_000), WithoutNul()]
Code = Annotated[str, Field(max_length=MAX_CODE_BYTES), AfterValidator(_code), WithoutNul()]
Tag = Annotated[str, Field(min_length=1, max_length=40), WithoutNul()]
Tags = Annotated[tuple[Tag, ...], Field(max_length=20)]
Packages = Annotated[tuple[Package, ...], Field(max_length=MAX_PACKAGES)]
SharedWith = Annotated[
    tuple[Shared, ...],
    Field(max_length=MAX_SHARED, description="Organizations, by id or slug, that may run it while it is restricted."),
]
Prices = Annotated[
    dict[ToolSlug, Annotated[Price, Field(strict=True), WHOLE]],
    Field(
        max_length=MAX_TOOLS,
        description="Credits that a run costs, by slug of the tool.",
        examples=[{"greet": 5}],
        json_schema_extra={"additionalProperties": False},  # beside the pattern of slugs, which alone forbids nothing
    ),
]
EnvDeclarations = Annotated[tuple[EnvDeclaration, ...], Field(max_length=MAX_VARIABLES), AfterValidator(_declared)]
SandboxProvider = Annotated[
    Provider, Field(json_schema_extra={"enum": [name for name in get_args(Provider) if name != INPROCESS]})
]
"""The core says why nothing that comes through the API runs inside the server."""
Schema = Annotated[JsonObject | None, Field(description="JSON Schema 2020-12; null reads it from the code.")]


class SandboxIn(In):
    """What the code is to run with; what is not given is the server's default."""

    provider: SandboxProvider | None = None
    timeout_s: Annotated[float, Field(gt=0, le=900, strict=True)] | None = Field(None, alias="timeout")
    cpu_s: Annotated[float, Field(gt=0, le=900, strict=True)] | None = Field(None, alias="cpu")
    memory_mb: Annotated[int, Field(ge=16, le=16_384, strict=True), WHOLE] | None = Field(None, alias="memory")
    process_count: Annotated[int, Field(ge=1, le=1024, strict=True), WHOLE] | None = Field(None, alias="processes")
    tmp_mb: Annotated[int, Field(ge=1, le=4_096, strict=True), WHOLE] | None = Field(None, alias="tmp")
    output_kb: Annotated[int, Field(ge=1, le=65_536, strict=True), WHOLE] | None = Field(None, alias="output")
    log_kb: Annotated[int, Field(ge=0, le=16_384, strict=True), WHOLE] | None = Field(None, alias="logs")
    network: Network = "off"
    mode: Mode = "one_shot"
    prewarm: Prewarm = "tool"


class ToolIn(In):
    """A new tool of the draft."""

    slug: ToolSlug
    name: Name = ""
    description: Annotated[Description, Field(description="What a model reads; the docstring if not given.")] = ""
    entrypoint: Entrypoint = "run"
    code: Annotated[Code, Field(examples=["def run(name: str) -> dict:\n    return {}\n"])]
    input_schema: Schema = None
    output_schema: Schema = None
    annotations: Annotations = Annotations()

    def source(self) -> SourceTool:
        return SourceTool(**_fields(self))


class ToolPatchIn(PatchIn):
    """What to replace of a tool; what is not given stays as it is."""

    name: Name = ""
    description: Description = ""
    entrypoint: Entrypoint = "run"
    code: Code = ""
    input_schema: Schema = None
    output_schema: Schema = None
    annotations: Annotations = Annotations()

    def changes(self) -> dict[str, object]:
        return _fields(self)


class ToolSetPatchIn(PatchIn):
    """What to replace of a ToolSet; what is not given stays as it is. Lists and `sandbox` are replaced whole."""

    name: Name = ""
    description: Description = ""
    language: Language = "python"
    packages: Packages = ()
    sandbox: SandboxIn = Field(default_factory=SandboxIn)
    visibility: Visibility = Visibility.PRIVATE
    mcp_enabled: StrictBool = False
    tags: Tags = ()
    env: EnvDeclarations = ()
    shared_with: SharedWith = ()
    prices: Prices = Field(default_factory=dict)

    def changes(self) -> dict[str, object]:
        return _fields(self)


class ToolSetIn(ToolSetPatchIn):
    """A new ToolSet, with or without tools."""

    model_config = ConfigDict(json_schema_extra={})

    slug: Annotated[Slug, Field(examples=["greeting-tools"])]
    tools: Annotated[tuple[ToolIn, ...], Field(max_length=MAX_TOOLS)] = ()

    def source(self) -> Source:
        given = _fields(self)
        listing = {name: given.pop(name) for name in Listing.model_fields if name in given}
        tools = tuple(tool.source() for tool in self.tools)
        return Source.model_validate({**given, "tools": tools, "listing": Listing.model_validate(listing)})


def _fields(given: In) -> dict[str, Any]:
    """The fields that were sent, by the names that records use."""
    fields = {name: getattr(given, name) for name in given.model_fields_set}
    if isinstance(fields.get("sandbox"), SandboxIn):
        fields["sandbox"] = Sandbox(**dict(fields["sandbox"]))
    return fields
