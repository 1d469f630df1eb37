"""A tool as it stands in a draft or a version: code, schemas and what a model reads about it."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints

from jinba_mcp.domain.ids import SLUG_PATTERN
from jinba_mcp.domain.records import JsonObject, Record

MAX_CODE_BYTES = 512 * 1024

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""Names organizations and ToolSets. It has no underscore, so in `{slug}__{tool}` the first `__` is the joint."""

TOOL_SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$"
TOOL_SLUG_RULE = "use 1 to 63 lower-case letters, digits, inner hyphens and underscores"
ToolSlug = Annotated[str, StringConstraints(pattern=TOOL_SLUG_PATTERN)]
"""Names a tool, also in MCP: lower-case letters, digits, inner hyphens and underscores; at most 63 characters."""

Entrypoint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_$][A-Za-z0-9_$]{0,127}$")]

Language = Literal["python", "typescript"]


class Annotations(Record):
    """Hints to the client about behaviour, spelled as MCP spells them; None means not said."""

    title: str | None = None
    readOnlyHint: StrictBool | None = None  # noqa: N815  MCP's spelling
    destructiveHint: StrictBool | None = None  # noqa: N815  MCP's spelling
    idempotentHint: StrictBool | None = None  # noqa: N815  MCP's spelling
    openWorldHint: StrictBool | None = None  # noqa: N815  MCP's spelling


class Tool(Record):
    """`slug` is the name on the wire, `name` the title people see. Schemas are JSON Schema 2020-12."""

    slug: ToolSlug
    name: Annotated[str, Field(max_length=200)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    entrypoint: Entrypoint = "run"
    code: Annotated[str, Field(max_length=MAX_CODE_BYTES)]
    input_schema: JsonObject
    output_schema: JsonObject | None = None
    annotations: Annotations = Annotations()
