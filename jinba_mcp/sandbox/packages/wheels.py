"""Wheels that are made here, behind walls, from sources: each once, kept by what it was made from."""

import hashlib
import io
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from jinba_mcp.sandbox.packages import explaining, sources, trees, uv, walled
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, Say
from jinba_mcp.sandbox.packages.locks import Pin, Source
from jinba_mcp.sandbox.packages.walled import Bounds, BuildFailed

LAYOUT = 1
"""Part of every key: another number makes all wheels anew."""
_MAX_ROUNDS = 5
_MAX_METADATA_BYTES = 1024 * 1024
_MAX_ENTRIES = 50_000
_MAX_READ_BYTES = 8 * 1024 * 1024
"""At once, of an archive; its directory is read so, and takes some ten times as much when it has been."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One that was made: `tools` is the lock of what it was made with, `needs` what it asks for in turn."""

    source: Source
    path: Path
    tools: str
    needs: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of the file as it is now. Blocks."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes wheels, as many at once as `installers.build_room` allows."""

    installers: Installers
    python: Interpreter
    bounds: Bounds = field(default_factory=Bounds)

    async def make(self, pin: Pin, say: Say) -> Wheel:
        """A wheel, made with the newest tools that its source asks for.

        Raises:
            BuildFailed: it cannot be built.
            EnvironmentFailed: the index or this machine is at fault.
        """
        return await self._within_room(pin, None, say)

    async def remake(self, source: Source, tools: str, say: Say) -> Wheel:
        """The wheel that was made with these tools, or one made with them now.

        Raises:
            BuildFailed, EnvironmentFailed: as in `make`.
        """
        if (kept := await anyio.to_thread.run_sync(self._kept, source, tools)) is not None:
            return kept
        pin = Pin(f"{source.name}=={source.version}", source.name, source.version, (source.sha256,))
        return await self._within_room(pin, tools, say)

    async def _within_room(self, pin: Pin, tools: str | None, say: Say) -> Wheel:
        async with self.installers.build_room:
            with trees.scratch_folder(self.installers.cache_dir / "building", "wheel-") as scratch:
                say(f"Fetching the source of {pin.name} {pin.version}")
                found = await sources.found(pin, scratch, self.installers, self.python)
                archive = await sources.fetched(found, scratch, self.installers)
                say(f"Building {found.source}")
                return await self._rounds(found.source, archive, tools, scratch)

    async def _rounds(self, source: Source, archive: Path, tools: str | None, scratch: Path) -> Wheel:
        given: tuple[str, ...] | None = () if tools is None else None
        locked = tools or ""
        for number in range(_MAX_ROUNDS):
            folder = scratch / str(number)
            folder.mkdir()
            order = walled.Order(archive, await self._tools(locked, folder), given)
            cache_dir, python = self.installers.cache_dir, self.python.path
            answer = await walled.build(order, folder, cache_dir=cache_dir, python=python, bounds=self.bounds)
            if answer.wheel is not None:
                return await anyio.to_thread.run_sync(self._keep, source, locked, answer.wheel)
            if given is None or set(answer.needs) <= set(given):
                break
            given = (*given, *answer.needs)
            locked = await self._lock(given, folder)
        raise BuildFailed("its build asks for other requirements each time")

    async def _lock(self, given: tuple[str, ...], folder: Path) -> str:
        try:
            lines = sorted({_plain(need) for need in given})
        except ValueError as error:
            raise BuildFailed(f"its build asks for {ascii(str(error))[:200]}, which is no plain requirement") from None
        said = await uv.compiled(lines, folder, self.installers, self.python)
        if said.code:
            asked = ", ".join(lines)[:300]
            raise BuildFailed(f"what its build asks for ({asked}) cannot be had as wheels")
        return said.output

    async def _tools(self, locked: str, folder: Path) -> Path:
        tree = folder / "tools"
        tree.mkdir()
        if locked:
            said = await uv.installed(locked, tree, self.installers, self.python)
            if said.code:
                raise explaining.moment_fault(said.errors)
        await anyio.to_thread.run_sync(trees.settle, tree)
        return tree

    def _home(self, source: Source, tools: str) -> Path:
        parts = [LAYOUT, source.name, source.version, source.sha256, tools, self.python.version, self.python.platform]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return self.installers.cache_dir / "wheels" / key

    def _kept(self, source: Source, tools: str) -> Wheel | None:
        for path in self._home(source, tools).glob("*.whl"):
            return Wheel(source, path, tools, _needs(source, path))
        return None

    def _keep(self, source: Source, tools: str, made: Path) -> Wheel:
        needs = _needs(source, made)
        home = self._home(source, tools)
        home.parent.mkdir(parents=True, exist_ok=True)
        with trees.scratch_folder(home.parent, ".new-") as scratch:
            made.chmod(0o644)
            made.rename(scratch / made.name)
            try:
                scratch.rename(home)
            except OSError:
                # Another process made it too, and was faster.
                if not home.is_dir():
                    raise
        return self._kept(source, tools) or Wheel(source, home / made.name, tools, needs)


def _needs(source: Source, wheel: Path) -> tuple[str, ...]:
    """What a wheel says it needs. Checks on the way that it is one, of this package.

    Raises:
        BuildFailed: it is not.
    """
    try:
        name, version, _, _ = parse_wheel_filename(wheel.name)
        if not _is_same(source, name, str(version)):
            raise BuildFailed("its build made the wheel of another package")
        found, _ = parse_email(_metadata(wheel))
        if not _is_same(source, found.get("name", ""), found.get("version", "")):
            raise BuildFailed("its build made the wheel of another package")
        return tuple(_plain(need) for need in found.get("requires_dist", []))
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        InvalidWheelFilename,
        InvalidSdistFilename,
        InvalidVersion,
        OSError,
        RuntimeError,  # of the archive: it is encrypted, or packed in a way that is not known here
        ValueError,
    ) as error:
        raise BuildFailed(f"its build made no usable wheel ({ascii(str(error))[:200]})") from None


class _Sparing(io.FileIO):
    """A file that is not read as a whole: an archive says itself how large its directory is, and how much is that."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_READ_BYTES:
            raise ValueError("its directory is of unreasonable size")
        return super().read(size) or b""


def _metadata(wheel: Path) -> bytes:
    with _Sparing(wheel) as stream, zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        found = [entry for entry in entries if entry.filename.endswith(".dist-info/METADATA")]
        if len(entries) > _MAX_ENTRIES or len(found) != 1 or found[0].filename.count("/") != 1:
            raise ValueError("no METADATA of its own, or too many files")
        with archive.open(found[0]) as file:
            content = file.read(_MAX_METADATA_BYTES + 1)
    if len(content) > _MAX_METADATA_BYTES:
        raise ValueError("METADATA of unreasonable size")
    return content


def _is_same(source: Source, name: str, version: str) -> bool:
    return canonicalize_name(name) == canonicalize_name(source.name) and Version(version) == Version(source.version)


def _plain(need: str) -> str:
    """A requirement written anew. Raises ValueError for one that names an address, or is none."""
    try:
        parsed = Requirement(need)
    except (InvalidRequirement, RecursionError):
        raise ValueError(need) from None
    written = str(parsed)
    if parsed.url or not written.isascii() or not written.isprintable():
        raise ValueError(need)
    return written
