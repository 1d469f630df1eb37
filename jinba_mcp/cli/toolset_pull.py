"""`jinba-mcp toolsets` from a registry to the disk: pull, export."""

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from jinba_mcp.authoring import archives
from jinba_mcp.authoring.files import DiskTree
from jinba_mcp.authoring.folder import CODE_FILES, Folder, read_tree
from jinba_mcp.authoring.locks import LOCK_FILE
from jinba_mcp.cli import output, progress, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, Slug
from jinba_mcp.client import AsyncJinba
from jinba_mcp.domain.errors import FolderInvalid, Invalid
from jinba_mcp.domain.records import JsonObject

Version = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="This version; without it the draft.")
]


def pull(  # noqa: PLR0913  what, where to, and how
    slug: Slug,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder to write; else one named like the ToolSet, here.")
    ] = None,
    *,
    version: Version = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that say something else.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Write a ToolSet to disk as a folder. Files that say the same already are left as they are, comments and all."""
    path = (directory or Path(slug)).absolute()
    archive = _exported(slug, version, org)
    try:
        contents = archives.unpack(archive)[1]
        wanted = _parts(archives.read_archive(archive))
    except Invalid as error:
        raise output.Failed(f"What came cannot be used: {error.message}") from error
    try:
        there = _parts_of(path, slug)
        changed = [name for name in contents if name not in there or there[name] != wanted.get(name)]
        in_the_way = [name for name in changed if os.path.lexists(path / name)]
        if in_the_way and not force:
            raise output.Failed(
                f"Not pulled, since {directory or path.name} says something else in: {', '.join(in_the_way)}. "
                "Push it, or pull elsewhere, or add --force to write over them."
            )
        for name in changed:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            _write(path / name, contents[name])
    except OSError as error:
        raise output.Failed(f"{path} cannot be written: {error.strerror}.") from error
    for name in sorted(there.keys() - contents.keys()):
        output.note(f"{output.printable(name)} is not in {slug} and stays; pushing the folder would add it.")
    if as_json:
        output.document({"slug": slug, "path": str(path), "files": sorted(contents), "written": sorted(changed)})
    else:
        output.line(f"{slug}: {len(changed)} of {len(contents)} files written to {directory or path.name}")


def export(  # noqa: PLR0913  what, where to, and how
    slug: Slug,
    *,
    version: Version = None,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it, - for standard output; else SLUG.zip."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Write a ToolSet as a ZIP file, for `toolsets import`; of secrets there is the key only."""
    where = file or Path(f"{slug}.zip" if version is None else f"{slug}-{version}.zip")
    to_stdout = str(where) == "-"
    if to_stdout and as_json:
        raise output.Misused("Standard output takes the file or the JSON document, not both.")
    if not to_stdout and where.exists() and not force:
        raise output.Failed(f"{where} is there already; name another with --output, or add --force.")
    archive = _exported(slug, version, org)
    if to_stdout:
        sys.stdout.buffer.write(archive)
        return
    try:
        _write(where, archive)
    except OSError as error:
        raise output.Failed(f"{where} cannot be written: {error.strerror}.") from error
    if as_json:
        output.document({"slug": slug, "path": str(where.absolute()), "bytes": len(archive)})
    else:
        output.line(f"{slug}: written to {where} ({len(archive)} bytes)")


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: what is there already stays until the new file is whole."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)  # a device or a pipe, in whose place no file may come
        return
    fresh = target.with_name(f".jinba-{secrets.token_hex(8)}")
    try:
        fresh.touch(exist_ok=False)
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.write_bytes(content)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _exported(slug: str, version: str | None, org: str) -> bytes:
    async def fetch(jinba: AsyncJinba) -> bytes:
        return await jinba.toolsets.export(slug, version=version)

    with progress.telling(f"Fetching {slug}"):
        return reach.on_server(org, fetch)


def _parts_of(path: Path, slug: str) -> JsonObject:
    """What each file of the folder says; nothing for a folder that is none of a ToolSet's."""
    try:
        return _parts(read_tree(DiskTree(path), slug))
    except FolderInvalid:
        return {}


def _parts(folder: Folder) -> JsonObject:
    """What each file of a folder says, however it is written; its own name is not among it."""
    whole = folder.model_dump(mode="json", exclude={"slug", "tools", "lock"})
    parts: JsonObject = {"toolset.yml": whole}
    if folder.lock is not None:
        parts[LOCK_FILE] = folder.lock.model_dump(mode="json")
    for tool in folder.tools:
        parts[f"tools/{tool.slug}/tool.yml"] = tool.model_dump(mode="json", exclude={"code"})
        parts[f"tools/{tool.slug}/{CODE_FILES[folder.language]}"] = tool.code
    return parts
