"""Diffs: what changed from one content of a ToolSet to another, and what of it breaks those who call it."""

import difflib

from pydantic import JsonValue

from jinba_mcp.domain import compatibility
from jinba_mcp.domain.compatibility import Breaking
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content

MAX_CODE_LINES = 400
MAX_LINE = 400
MAX_CHANGES = 100
_MAX_COMPARED_LINES = 5_000
"""Of two texts together; comparing takes the square of it."""


class Change(Record):
    """A value that differs: `before` or `after` is None where there is none, and `pointer` leads to it (RFC 6901)."""

    pointer: str
    before: JsonValue = None
    after: JsonValue = None


class ToolChange(Record):
    """A tool that is in both and differs."""

    tool: str
    fields: tuple[str, ...]
    code: tuple[str, ...] | None = None
    """A unified diff, line by line; None when the code is the same."""
    schemas: tuple[Change, ...] = ()
    """Pointers begin with the name of the schema: `/inputSchema/properties/name`."""
    is_cut: bool = False
    """Whether there is more than `MAX_CODE_LINES` and `MAX_CHANGES` show."""


class Diff(Record):
    """What changed, tool by tool and for the ToolSet as a whole."""

    from_version: str
    to_version: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[ToolChange, ...]
    toolset_fields: tuple[str, ...]
    """Fields of the ToolSet itself that differ."""
    packages: tuple[Change, ...] = ()
    """By name: `/httpx`, with the versions that were asked for."""
    sandbox: tuple[Change, ...] = ()
    breaking: tuple[Breaking, ...] = ()


def diff(from_version: str, before: Content, to_version: str, after: Content) -> Diff:
    """Compare two contents of one ToolSet."""
    old = {tool.slug: tool for tool in before.tools}
    new = {tool.slug: tool for tool in after.tools}
    both = [(old[slug], new[slug]) for slug in sorted(old.keys() & new.keys())]
    removed = tuple(sorted(old.keys() - new.keys()))
    breaking = [Breaking(tool=slug, pointer="", kind="tool_removed", detail="the tool is gone") for slug in removed]
    for pair in both:
        breaking += compatibility.broken(*pair)
    return Diff(
        from_version=from_version,
        to_version=to_version,
        added=tuple(sorted(new.keys() - old.keys())),
        removed=removed,
        changed=tuple(_tool_change(*pair) for pair in both if pair[0] != pair[1]),
        toolset_fields=tuple(name for name in _differing(before, after) if name != "tools"),
        packages=tuple(_changes("", _by_name(before.packages), _by_name(after.packages))),
        sandbox=tuple(_changes("", _plain(before.sandbox), _plain(after.sandbox))),
        breaking=tuple(breaking),
    )


def _tool_change(before: Tool, after: Tool) -> ToolChange:
    schemas = [
        *_changes("/inputSchema", before.input_schema, after.input_schema),
        *_changes("/outputSchema", before.output_schema, after.output_schema),
    ]
    code = None if before.code == after.code else _unified(before.code, after.code)
    return ToolChange(
        tool=before.slug,
        fields=tuple(_differing(before, after)),
        code=None if code is None else tuple(line[:MAX_LINE] for line in code[:MAX_CODE_LINES]),
        schemas=tuple(schemas[:MAX_CHANGES]),
        is_cut=len(code or ()) > MAX_CODE_LINES or len(schemas) > MAX_CHANGES,
    )


def _unified(before: str, after: str) -> list[str]:
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > _MAX_COMPARED_LINES:
        return [f"@@ -1,{len(old)} +1,{len(new)} @@", *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    return list(difflib.unified_diff(old, new, "before", "after", lineterm=""))


def _changes(pointer: str, before: JsonValue, after: JsonValue) -> list[Change]:
    if before == after and type(before) is type(after):
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for name in sorted(before.keys() | after.keys()):
            step = name.replace("~", "~0").replace("/", "~1")
            found += _changes(f"{pointer}/{step}", before.get(name), after.get(name))
        return found
    return [Change(pointer=pointer, before=before, after=after)]


def _by_name(packages: tuple[Package, ...]) -> JsonObject:
    return {package.name: package.version or "*" for package in packages}


def _plain(record: Record) -> JsonObject:
    return record.model_dump(mode="json", exclude_none=True)


def _differing(before: Record, after: Record) -> list[str]:
    return [name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)]
