"""Sources: a ToolSet as its author gives it, before its code was read and its packages were resolved."""

import re
from typing import Annotated

from pydantic import Field

from jinba_mcp.domain import json_values
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.sandboxes import INPROCESS, LOCAL, Sandbox
from jinba_mcp.domain.tools import MAX_CODE_BYTES, Annotations, Entrypoint, Language, Slug, Tool, ToolSlug
from jinba_mcp.domain.toolsets import MAX_PACKAGES, MAX_TOOLS, Draft, Listing, ToolSet

_ZOD = re.compile(r"""(?:from|import)\s*\(?\s*["'](?:npm:)?zod["'/@]""")


class SourceTool(Record):
    """A tool as its author gives it: schemas that are not given are read from the code."""

    slug: ToolSlug
    name: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    entrypoint: Entrypoint = "run"
    code: Annotated[str, Field(max_length=MAX_CODE_BYTES)]
    input_schema: JsonObject | None = None
    output_schema: JsonObject | None = None
    annotations: Annotations = Annotations()


class Source(Record):
    """A ToolSet as its author gives it."""

    slug: Slug
    name: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Language = "python"
    packages: Annotated[tuple[Package, ...], Field(max_length=MAX_PACKAGES)] = ()
    lock: Lock | None = None
    """What the packages resolve to; found out when it is not given, or given for other packages."""
    sandbox: Sandbox = Sandbox()
    tools: Annotated[tuple[SourceTool, ...], Field(max_length=MAX_TOOLS)] = ()
    listing: Listing = Listing()

    @property
    def needs_environment(self) -> bool:
        """Whether packages are to be installed; code that runs in process takes those of the server.

        Zod comes along with every list of TypeScript packages, and with none when the code imports it; pydantic with
        every list of Python ones, and with none where the machine is not this one.
        """
        if self.sandbox.provider == INPROCESS:
            return False
        if self.language == "python" and self.sandbox.provider not in (None, LOCAL):
            return True
        imports_zod = self.language == "typescript" and any(_ZOD.search(tool.code) for tool in self.tools)
        return bool(self.packages) or imports_zod

    @property
    def digest(self) -> str:
        """The same for all that is given alike."""
        return json_values.digest(self.model_dump(mode="json"))


def source_of(toolset: ToolSet, draft: Draft) -> Source:
    """What an author gives to get this draft: without what was read from the code."""
    content, derived = draft.content, draft.derived or {}
    return Source(
        slug=toolset.slug,
        name=content.name,
        description=content.description,
        language=content.language,
        packages=content.packages,
        lock=content.lock,
        sandbox=content.sandbox,
        tools=tuple(_tool_of(tool, derived.get(tool.slug, ())) for tool in content.tools),
        listing=toolset.listing,
    )


def _tool_of(tool: Tool, derived: tuple[str, ...]) -> SourceTool:
    given = {name: getattr(tool, name) for name in Tool.model_fields if name not in derived}
    return SourceTool(**given)
