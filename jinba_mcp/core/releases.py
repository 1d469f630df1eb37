"""Releases: versions made ready to run. A version never changes, so what is made of it is kept while there is room."""

from collections import OrderedDict
from dataclasses import dataclass, field

from jinba_mcp.domain.errors import ToolNotFound, VersionNotFound
from jinba_mcp.domain.ids import VersionId
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Origin
from jinba_mcp.domain.versions import Snapshot, Version
from jinba_mcp.sandbox.engine import Limits, Program
from jinba_mcp.storage.store import Store

_KEPT = 1_000


@dataclass(frozen=True)
class ReadyTool:
    """A tool with its schemas compiled and its program set out."""

    tool: Tool
    program: Program
    arguments: Validator
    output: Validator | None


@dataclass(frozen=True)
class Release:
    """A version, its content and, tool by tool as they are first called, what runs them."""

    version: Version
    content: Content
    toolset_slug: str
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
            self._ready[tool_slug] = ReadyTool(
                tool=tool,
                program=self._program(tool),
                arguments=Validator(tool.input_schema),
                output=None if tool.output_schema is None else Validator(tool.output_schema),
            )
        return self._ready[tool_slug]

    def limits(self, defaults: Limits) -> Limits:
        """What one run may use: the ToolSet's own wish, within the operator's."""
        wished = self.content.sandbox.timeout_s
        return defaults if wished is None else defaults.model_copy(update={"timeout_s": wished})

    def _program(self, tool: Tool) -> Program:
        return Program(
            digest=self.version.digest,
            toolset=self.toolset_slug,
            tool=tool.slug,
            language=self.content.language,
            entrypoint=tool.entrypoint,
            code=tool.code,
        )


class Releases:
    """Versions by id, loaded once."""

    def __init__(self, store: Store) -> None:
        self._store = store
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
            self._kept[version_id] = Release(snapshot.version, snapshot.content, toolset_slug)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[version_id]
