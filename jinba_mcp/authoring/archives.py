"""ZIP archives of a ToolSet folder: read without trusting anything that they say of themselves, written the same
bytes for the same ToolSet."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from jinba_mcp.authoring import documents, files, folder, locks
from jinba_mcp.authoring.folder import Folder
from jinba_mcp.domain.errors import ArchiveInvalid
from jinba_mcp.domain.ids import SLUG_PATTERN
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import TOOL_SLUG_PATTERN
from jinba_mcp.domain.toolsets import MAX_TOOLS, Visibility

MAX_ENTRIES = 3 * MAX_TOOLS + 10
MAX_TOTAL_BYTES = 32 * 1024 * 1024
MAX_YML_TOTAL_BYTES = 4 * 1024 * 1024
"""Of all YAML files but the lock; reading them is what takes time."""
MAX_RATIO = 100
"""What is unpacked to what came, beyond a first part that may be packed as well as it can."""

_FREE_BYTES = 2 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_SLUG, _TOOL_SLUG = SLUG_PATTERN.strip("^$"), TOOL_SLUG_PATTERN.strip("^$")
_NAME = re.compile(
    rf"(?P<slug>{_SLUG})/(?:|toolset\.yml|toolset\.lock|tools/(?:{_TOOL_SLUG}/(?:|tool\.yml|main\.py|main\.ts))?)"
)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, OverflowError,
)  # fmt: skip
"""All that the library raises over bytes that are no archive, or none that it reads."""


@dataclass(frozen=True)
class _Unpacked:
    """A folder in memory: files by their names relative to `root`."""

    contents: dict[str, bytes]
    root: str

    def has(self, name: str) -> bool:
        return any(each == self.root + name or each.startswith(f"{self.root}{name}/") for each in self.contents)

    def text(self, name: str, where: str, max_bytes: int) -> str:
        if self.root + name not in self.contents:
            raise ArchiveInvalid(f"{where}: missing.")
        return files.decoded(self.contents[self.root + name], where, max_bytes)

    def folders(self, name: str, where: str) -> list[tuple[str, files.Tree]]:  # noqa: ARG002  nothing can go wrong
        start = f"{self.root}{name}/"
        inner = {each.removeprefix(start).partition("/")[0] for each in self.contents if each.startswith(start)}
        return [(each, _Unpacked(self.contents, f"{start}{each}/")) for each in sorted(inner - {""})]


def read_archive(data: bytes) -> Folder:
    """Read the one ToolSet folder in a ZIP file, in memory.

    Raises:
        ArchiveInvalid: as `unpack` does.
        FolderInvalid: the folder cannot be read.
    """
    slug, contents = unpack(data)
    return folder.read_tree(_Unpacked(contents, ""), slug)


def unpack(data: bytes) -> tuple[str, dict[str, bytes]]:
    """The slug of the one ToolSet folder in a ZIP file, and its files by their names in that folder.

    Raises:
        ArchiveInvalid: it is no ZIP file, or holds anything but such a folder: other files, links, encrypted entries,
            a name twice, names that lead elsewhere, or more than the limits of this module.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            slug = _checked(entries)
            read = _read(archive, entries, len(data))
            return slug, {name.removeprefix(f"{slug}/"): raw for name, raw in read}
    except _BROKEN as error:
        raise ArchiveInvalid("The body is not a ZIP file that can be read.") from error


def write_archive(source: Source) -> bytes:
    """The ToolSet folder of `source` as a ZIP file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in _files(source):
            raw = text.encode()
            entry = zipfile.ZipInfo(f"{source.slug}/{name}")
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            # What packs as well as a bomb is not packed, so that it can be read again.
            is_packed = len(zlib.compress(raw)) * MAX_RATIO > len(raw)
            entry.compress_type = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
            archive.writestr(entry, raw)
    return written.getvalue()


def _checked(entries: list[zipfile.ZipInfo]) -> str:
    if len(entries) > MAX_ENTRIES:
        raise ArchiveInvalid(f"The archive has more than {MAX_ENTRIES} entries.")
    slugs, seen = set(), set()
    for entry in entries:
        shown = files.shown(entry.orig_filename)
        found = _NAME.fullmatch(entry.orig_filename)
        if found is None or entry.filename != entry.orig_filename:
            raise ArchiveInvalid(f"'{shown}' has no place in the archive of a ToolSet, so it is not taken.")
        if entry.filename in seen:
            raise ArchiveInvalid(f"'{shown}' is in the archive twice.")
        if entry.flag_bits & _ENCRYPTED:
            raise ArchiveInvalid(f"'{shown}' is encrypted.")
        if entry.compress_type not in _METHODS:
            raise ArchiveInvalid(f"'{shown}' is packed in a way that is not read here; use deflate.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
            raise ArchiveInvalid(f"'{shown}' is a link or a device, and only files are taken.")
        seen.add(entry.filename)
        slugs.add(found["slug"])
    if len(slugs) != 1:
        raise ArchiveInvalid(f"The archive has to hold the folder of one ToolSet; it holds {len(slugs)}.")
    return str(slugs.pop())


def _read(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], packed_bytes: int) -> Iterator[tuple[str, bytes]]:
    # Counted as it comes out: what the entries say of their own sizes is up to whoever made them.
    left = min(MAX_TOTAL_BYTES, _FREE_BYTES + MAX_RATIO * packed_bytes)
    yml_left = MAX_YML_TOTAL_BYTES
    for entry in entries:
        chunks = []
        with archive.open(entry) as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                chunks.append(chunk)
                left -= len(chunk)
                yml_left -= len(chunk) if entry.filename.endswith(".yml") else 0
                if left < 0 or yml_left < 0:
                    raise ArchiveInvalid("The archive unpacks to more than is taken.")
        if entry.is_dir() and chunks:
            raise ArchiveInvalid(f"'{entry.filename}' is a folder with bytes of its own.")
        if not entry.is_dir():
            yield entry.filename, b"".join(chunks)


def _files(source: Source) -> Iterator[tuple[str, str]]:
    yield "toolset.yml", documents.dump(_toolset_fields(source), folder.MAX_YML_BYTES)
    if source.lock is not None:
        yield locks.LOCK_FILE, locks.lock_text(source.lock)
    for tool in sorted(source.tools, key=lambda tool: tool.slug):
        yield f"tools/{tool.slug}/tool.yml", documents.dump(_tool_fields(tool), folder.MAX_YML_BYTES)
        yield f"tools/{tool.slug}/{folder.CODE_FILES[source.language]}", tool.code


def _toolset_fields(source: Source) -> JsonObject:
    listing = source.listing
    fields: JsonObject = {"name": source.name or source.slug, "description": source.description}
    fields["language"] = source.language
    fields["packages"] = [_said(package) for package in source.packages]
    fields["env"] = [
        {"key": each.key, "secret": True} if each.secret else {"key": each.key, "value": each.value}
        for each in listing.env
    ]
    sandbox = _said(source.sandbox)
    sandbox["network"] = (
        list(source.sandbox.network) if source.sandbox.network not in ("on", "off") else (str(source.sandbox.network))
    )
    if source.sandbox.network == "off":
        del sandbox["network"]
    fields["sandbox"] = {name: sandbox[field] for name, field in folder.SANDBOX_FIELDS.items() if field in sandbox}
    fields["visibility"] = "" if listing.visibility is Visibility.PRIVATE else listing.visibility.value
    fields["mcpEnabled"] = listing.mcp_enabled
    fields["tags"] = list(listing.tags)
    fields["sharedWith"] = list(listing.shared_with)
    fields["prices"] = dict[str, JsonValue](listing.prices)
    return {name: value for name, value in fields.items() if value}


def _tool_fields(tool: SourceTool) -> JsonObject:
    fields: JsonObject = {"name": tool.name or tool.slug}
    if tool.description:
        fields["description"] = tool.description
    if tool.entrypoint != "run":
        fields["entrypoint"] = tool.entrypoint
    for name, schema in (("inputSchema", tool.input_schema), ("outputSchema", tool.output_schema)):
        if schema is not None:
            fields[name] = schema
    if annotations := _said(tool.annotations):
        fields["annotations"] = annotations
    return fields


def _said(record: Record) -> JsonObject:
    return record.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
