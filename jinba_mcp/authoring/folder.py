"""Reads a ToolSet folder into records. It never runs the code that it reads."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue

from jinba_mcp.authoring import documents, files, locks
from jinba_mcp.domain import env, ids, sandboxes, schema_weights, tools, toolsets
from jinba_mcp.domain.errors import FolderInvalid, SchemaInvalid
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.records import JsonObject, Record

MAX_YML_BYTES = 512 * 1024

CODE_FILES: Mapping[tools.Language, str] = {"python": "main.py", "typescript": "main.ts"}

TOOLSET_FIELDS = {
    "name": "name",
    "description": "description",
    "language": "language",
    "packages": "packages",
    "env": "env",
    "sandbox": "sandbox",
    "visibility": "visibility",
    "mcpEnabled": "mcp_enabled",
    "tags": "tags",
    "sharedWith": "shared_with",
    "prices": "prices",
}
_LISTING_FIELDS = frozenset(toolsets.Listing.model_fields)
_PACKAGE_FIELDS = {"name": "name", "version": "version"}
_ENV_FIELDS = {"key": "key", "value": "value", "secret": "secret"}
SANDBOX_FIELDS = {
    "provider": "provider",
    "timeout": "timeout_s",
    "cpu": "cpu_s",
    "memory": "memory_mb",
    "processes": "process_count",
    "tmp": "tmp_mb",
    "output": "output_kb",
    "logs": "log_kb",
    "network": "network",
    "mode": "mode",
    "prewarm": "prewarm",
}
TOOL_FIELDS = {
    "name": "name",
    "description": "description",
    "entrypoint": "entrypoint",
    "inputSchema": "input_schema",
    "outputSchema": "output_schema",
    "annotations": "annotations",
}
_ANNOTATION_FIELDS = {name: name for name in tools.Annotations.model_fields}


class FolderTool(Record):
    """A tool as its folder has it; a schema that is None is read from the code."""

    slug: tools.ToolSlug
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    entrypoint: Annotated[str, Field(pattern=r"^[A-Za-z_$][A-Za-z0-9_$]{0,127}$")] = "run"
    code: str
    input_schema: JsonObject | None = None
    output_schema: JsonObject | None = None
    annotations: tools.Annotations = tools.Annotations()


class Folder(Record):
    """A whole ToolSet as its folder has it: what a version will freeze, and its listing."""

    slug: tools.Slug
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: tools.Language = "python"
    packages: tuple[Package, ...] = ()
    lock: Lock | None = None
    sandbox: sandboxes.Sandbox = sandboxes.Sandbox()
    tools: tuple[FolderTool, ...] = ()
    """In the order of their slugs."""
    listing: toolsets.Listing


def find_folders(root: Path) -> list[Path]:
    """The ToolSet folders directly below `root` in the order of their names, or `root` itself if it is one.

    Raises:
        FolderInvalid: `root` cannot be listed, holds a symbolic link, or holds a ToolSet without its `toolset.yml`.
    """
    if (root / "toolset.yml").exists():
        return [root]
    found = []
    for directory in files.directories(root, files.shown(str(root))):
        if (directory / "toolset.yml").exists():
            found.append(directory)
        elif (directory / "tools").is_dir():
            raise FolderInvalid(f"{files.shown(directory.name)}: has tools/ but no toolset.yml.")
    return found


def read_folder(path: Path) -> Folder:
    """Read the ToolSet folder at `path`; its directory's name becomes the slug.

    Raises:
        FolderInvalid: anything is wrong; the message names file, field and fault.
    """
    path = path.absolute()
    if path.is_symlink():
        raise FolderInvalid(f"{files.shown(path.name)}: symbolic links are not followed.")
    return read_tree(files.DiskTree(path), path.name)


def read_tree(tree: files.Tree, slug: str) -> Folder:
    """Read the ToolSet folder `tree`, which is called `slug`.

    Raises:
        FolderInvalid: anything is wrong; the message names file, field and fault.
    """
    if not ids.is_slug(slug):
        raise _not_a_slug(files.shown(slug), ids.SLUG_RULE)
    where = f"{slug}/toolset.yml"
    raw = documents.parse(tree.text("toolset.yml", where, MAX_YML_BYTES), where)
    fields = _named(documents.check_fields(raw, TOOLSET_FIELDS, where), slug, where)
    fields["packages"] = _entries(Package, fields, "packages", _PACKAGE_FIELDS, where)
    fields["env"] = _env(fields, where)
    fields["sandbox"] = _part(sandboxes.Sandbox, fields.get("sandbox", {}), SANDBOX_FIELDS, where, "sandbox")
    listing = {name: fields.pop(name) for name in _LISTING_FIELDS & fields.keys()}
    fields |= {"slug": slug, "listing": _dump(documents.record(toolsets.Listing, listing, TOOLSET_FIELDS, where))}
    folder = documents.record(Folder, fields, TOOLSET_FIELDS, where)
    tools_read = _read_tools(tree, slug, folder.language)
    return folder.model_copy(update={"tools": tools_read, "lock": locks.read_lock(tree, slug)})


def _read_tools(tree: files.Tree, slug: str, language: tools.Language) -> tuple[FolderTool, ...]:
    where = f"{slug}/tools"
    if not tree.has("tools"):
        return ()
    found = tree.folders("tools", where)
    if len(found) > toolsets.MAX_TOOLS:
        raise FolderInvalid(f"{where}: more than {toolsets.MAX_TOOLS} tools.")
    return tuple(_read_tool(inner, name, where, language) for name, inner in found)


def _read_tool(tree: files.Tree, slug: str, parent: str, language: tools.Language) -> FolderTool:
    if re.fullmatch(tools.TOOL_SLUG_PATTERN, slug) is None:
        raise _not_a_slug(f"{parent}/{files.shown(slug)}", tools.TOOL_SLUG_RULE)
    where = f"{parent}/{slug}/tool.yml"
    raw = documents.parse(tree.text("tool.yml", where, MAX_YML_BYTES), where)
    fields = _named(documents.check_fields(raw, TOOL_FIELDS, where), slug, where)
    _check_schemas(fields, where)
    if "annotations" in fields:
        fields["annotations"] = _part(
            tools.Annotations, fields["annotations"], _ANNOTATION_FIELDS, where, "annotations"
        )
    code = CODE_FILES[language]
    fields |= {"slug": slug, "code": tree.text(code, f"{parent}/{slug}/{code}", tools.MAX_CODE_BYTES)}
    return documents.record(FolderTool, fields, TOOL_FIELDS, where)


def _not_a_slug(where: str, rule: str) -> FolderInvalid:
    return FolderInvalid(f"{where}: the directory's name becomes the slug: {rule}.")


def _named(fields: JsonObject, slug: str, where: str) -> JsonObject:
    named: JsonObject = {"name": slug, **fields}
    for field in ("name", "description"):
        if isinstance(text := named.get(field), dict):
            if not text:
                raise FolderInvalid(f"{where}: {field}: an empty map; give 'default'.")
            named[field] = text.get("default", next(iter(text.values())))
    return named


def _check_schemas(fields: JsonObject, where: str) -> None:
    for name, field in (("inputSchema", "input_schema"), ("outputSchema", "output_schema")):
        if field not in fields:
            continue
        schema = fields[field]
        if not isinstance(schema, dict):
            raise FolderInvalid(f"{where}: {name}: must be a JSON Schema, written as a mapping.")
        try:
            schema_weights.check(schema)
        except SchemaInvalid as error:
            raise FolderInvalid(f"{where}: {name}: {error.message}") from error
        if field == "input_schema" and schema.get("type") != "object":
            raise FolderInvalid(f"{where}: {name}: its type must be 'object'.")


def _env(fields: JsonObject, where: str) -> list[JsonValue]:
    declared = _entries(env.EnvDeclaration, fields, "env", _ENV_FIELDS, where)
    seen = set()
    for index, entry in enumerate(declared):
        variable = env.EnvDeclaration.model_validate(entry)
        if variable.key in seen:
            raise FolderInvalid(f"{where}: env.{index}: key: '{variable.key}' is declared twice.")
        if variable.secret == (variable.value is not None):
            rule = "a secret has no value here" if variable.secret else "give a value, or secret: true"
            raise FolderInvalid(f"{where}: env.{index}: '{variable.key}': {rule}.")
        seen.add(variable.key)
    return declared


def _entries(
    kind: type[Record], fields: JsonObject, field: str, known: Mapping[str, str], where: str
) -> list[JsonValue]:
    entries = fields.get(field, [])
    if not isinstance(entries, list):
        raise FolderInvalid(f"{where}: {field}: must be a list.")
    return [_part(kind, entry, known, where, f"{field}.{index}") for index, entry in enumerate(entries)]


def _part(kind: type[Record], raw: JsonValue, known: Mapping[str, str], where: str, name: str) -> JsonObject:
    place = f"{where}: {name}"
    return _dump(documents.record(kind, documents.check_fields(raw, known, place), known, place))


def _dump(part: Record) -> JsonObject:
    return part.model_dump(mode="json", exclude_none=True)
