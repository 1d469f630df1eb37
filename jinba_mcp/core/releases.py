"""Releases: versions made ready to run. A version never changes, so what is made of it is kept while there is room."""

from collections import OrderedDict
from dataclasses import dataclass, field

from jinba_mcp.core.allowance import Allowance
from jinba_mcp.domain.errors import ToolNotFound, VersionNotFound
from jinba_mcp.domain.ids import VersionId
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.redaction import SecretFields
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Origin
from jinba_mcp.domain.versions import Snapshot, Version
from jinba_mcp.sandbox.engine import Bundle, Limits, Program
from jinba_mcp.storage.store import Store

_KEPT = 1_000


@dataclass(frozen=True)
class ReadyTool:
    """A tool with its schemas compiled and its program set out."""

    tool: Tool
    program: Program
    arguments: Validator
    output: Validator | None
    secret_input: SecretFields | None
    secret_output: SecretFields | None


@dataclass(frozen=True)
class Release:
    """A version, its content and, tool by tool as they are first called, what runs them."""

    version: Version
    content: Content
    toolset_slug: str
    limits: Limits
    """Of its runs."""
    _tools: dict[str, Tool] = field(default_factory=dict)
    _ready: dict[str, ReadyTool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tools.update({tool.slug: tool for tool in self.content.tools})

    @property
    def origin(self) -> Origin:
        return self.version.origin

    def ready(self, tool_slug: str) -> ReadyTool:
        """The tool made ready.

        Raises:
            ToolNotFound: this version has no such tool.
        """
        if tool_slug not in self._ready:
            tool = self._tools.get(tool_slug)
            if tool is None:
                raise ToolNotFound(tool_slug, f"ToolSet '{self.toolset_slug}' {self.version.number} has no such tool.")
            self._ready[tool_slug] = self._made_ready(tool)
        return self._ready[tool_slug]

    def _made_ready(self, tool: Tool) -> ReadyTool:
        secret_input, secret_output = SecretFields.of(tool.input_schema), SecretFields.of(tool.output_schema)
        return ReadyTool(
            tool=tool,
            program=self._program(tool),
            arguments=_validator(tool.input_schema, secret_input),
            output=None if tool.output_schema is None else _validator(tool.output_schema, secret_output),
            secret_input=secret_input,
            secret_output=secret_output,
        )

    def _program(self, tool: Tool) -> Program:
        bundle = bundle_of(self.content, self.toolset_slug, self.version.digest)
        return Program(bundle=bundle, tool=tool.slug, entrypoint=tool.entrypoint, code=tool.code)


def _validator(schema: JsonObject, secret: SecretFields | None) -> Validator:
    # What is wrong with a secret goes on record, where no mask finds one that is short, or told of only in part.
    return Validator(schema, hides_values=secret is not None)


def bundle_of(content: Content, toolset_slug: str, digest: str) -> Bundle:
    """What an engine prepares for all tools of this content, which `digest` identifies."""
    sandbox = content.sandbox
    return Bundle(
        digest=digest,
        toolset=toolset_slug,
        language=content.language,
        lock=content.lock,
        network=sandbox.network,
        mode=sandbox.mode,
        prewarm=sandbox.prewarm,
    )


class Releases:
    """Versions by id, loaded once."""

    def __init__(self, store: Store, allowance: Allowance) -> None:
        self._store = store
        self._allowance = allowance
        self._kept: OrderedDict[VersionId, Release] = OrderedDict()

    async def get(self, version_id: VersionId, toolset_slug: str) -> Release:
        """System's own: the release of a published version.

        Raises:
            VersionNotFound: unknown.
        """
        release = self._kept.get(version_id)
        if release is None:
            async with self._store.read() as tx:
                snapshot = await tx.versions.find_by_id(version_id)
            if snapshot is None:
                raise VersionNotFound(version_id)
            release = self.keep(snapshot, toolset_slug)
        self._kept.move_to_end(version_id)
        return release

    def keep(self, snapshot: Snapshot, toolset_slug: str) -> Release:
        """System's own: remember a snapshot that was loaded anyway. Its yanked and deprecated marks may go stale."""
        version_id = snapshot.version.id
        if version_id not in self._kept:
            self._kept[version_id] = self.of(snapshot.version, snapshot.content, toolset_slug)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[version_id]

    def of(self, version: Version, content: Content, toolset_slug: str) -> Release:
        """System's own: a release of this content, which is not remembered."""
        return Release(version, content, toolset_slug, self._allowance.limits(content.sandbox))
