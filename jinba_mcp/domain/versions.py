"""Versions: immutable snapshots of a ToolSet under a semver number, identified by a digest over their content."""

import semver
from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import FieldsInvalid, VersionExists
from jinba_mcp.domain.ids import ToolSetId, VersionId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime
from jinba_mcp.domain.toolsets import Content, Origin

FIRST_NUMBER = "1.0.0"


class Version(Record):
    """A published snapshot without its content, which is kept apart because lists do not need it."""

    id: VersionId
    toolset_id: ToolSetId
    number: str
    digest: str
    origin: Origin
    release_notes: str = ""
    published_by: str
    created_at: UtcDateTime
    deprecated_at: UtcDateTime | None = None
    yanked_at: UtcDateTime | None = None


class Snapshot(Record):
    """A version with all that it froze."""

    version: Version
    content: Content


class Diff(Record):
    """What changed from one version to another, tool by tool."""

    from_version: str
    to_version: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[JsonObject, ...]
    """`{"tool": slug, "fields": [names]}` for each tool in both that differs."""
    toolset_fields: tuple[str, ...]
    """Fields of the ToolSet itself that differ."""


def digest(content: Content) -> str:
    """SHA-256 over the canonical JSON of the content, as `sha256:<hex>`."""
    return json_values.digest(content.model_dump(mode="json"))


def next_number(latest: str | None) -> str:
    """The patch after `latest`, or the first number of all."""
    return FIRST_NUMBER if latest is None else str(semver.Version.parse(latest).bump_patch())


def checked_number(number: str, latest: str | None) -> str:
    """`number`, if it is semver and exceeds `latest`.

    Raises:
        FieldsInvalid: not a semantic version.
        VersionExists: not greater than the latest.
    """
    try:
        wanted = semver.Version.parse(number)
    except (ValueError, TypeError) as error:
        fault: JsonObject = {"pointer": "/version", "detail": "not a semantic version such as 1.4.0"}
        raise FieldsInvalid([fault]) from error
    if latest is not None and wanted <= semver.Version.parse(latest):
        raise VersionExists(number, latest)
    return number


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """Compare two versions of one ToolSet."""
    old = {tool.slug: tool for tool in before.content.tools}
    new = {tool.slug: tool for tool in after.content.tools}
    changed: list[JsonObject] = []
    for slug in sorted(old.keys() & new.keys()):
        fields = _differing(old[slug], new[slug])
        if fields:
            changed.append({"tool": slug, "fields": list[JsonValue](fields)})
    return Diff(
        from_version=before.version.number,
        to_version=after.version.number,
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(changed),
        toolset_fields=tuple(f for f in _differing(before.content, after.content) if f != "tools"),
    )


def _differing(before: Record, after: Record) -> list[str]:
    return [name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)]
