"""The folder that every sandbox reads: the guest's program, what tools import of ours, and pydantic."""

import hashlib
import importlib.metadata
import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinba_mcp
from jinba_mcp.sandbox import guest

_OURS = (
    "authoring/__init__.py",
    "authoring/progress.py",
    "domain/__init__.py",
    "domain/content.py",
    "domain/progress.py",
)
"""Of `jinba_mcp`, all that `from jinba_mcp.authoring import …` needs."""
_PACKAGES = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
"""What tools without packages of their own may import beside the standard library: exactly what the server has."""
_MARKER = '"""What tools may import of jinba_mcp: see `jinba_mcp.authoring`."""\n'


@dataclass(frozen=True)
class Runtime:
    """Where the parts lie: `base` always stands on the guest's path, `packages` unless it has an environment."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def packages(self) -> Path:
        return self.folder / "packages"

    @property
    def root(self) -> Path:
        """An empty folder: what a sandbox's own file tree is mounted on, in a mount namespace of its own."""
        return self.folder / "root"


def runtime(cache_dir: Path) -> Runtime:
    """The runtime of this very program, made in `cache_dir` if it is not there yet. Blocks for about a second then.

    Raises:
        OSError: the folder cannot be written to.
    """
    sources = dict(_sources())
    built = Runtime(cache_dir / "runtimes" / _digest(sources))
    if not built.folder.is_dir():
        _build(built, sources)
    return built


def _sources() -> Iterator[tuple[str, Path]]:
    """Each file by its place in the runtime."""
    here = Path(guest.__file__).parent
    for path in _files(here):
        yield f"base/guest/{path.relative_to(here)}", path
    ours = Path(jinba_mcp.__file__).parent
    for name in _OURS:
        yield f"base/jinba_mcp/{name}", ours / name
    for name in _PACKAGES:
        module = Path(importlib.import_module(name).__file__ or "")
        if module.name != "__init__.py":
            yield f"packages/{module.name}", module
            continue
        for path in _files(module.parent):
            yield f"packages/{name}/{path.relative_to(module.parent)}", path


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _digest(sources: dict[str, Path]) -> str:
    """Of our own files by content, and of the packages by version: reading all of them at each start takes too long."""
    digest = hashlib.sha256(sys.version.encode())
    for name in _PACKAGES:
        digest.update(f"{name} {importlib.metadata.version(name.replace('_', '-'))}\n".encode())
    for place, path in sources.items():
        if place.startswith("base/"):
            digest.update(place.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _build(built: Runtime, sources: dict[str, Path]) -> None:
    built.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=built.folder.parent) as place:
        folder = Path(place) / "runtime"
        (folder / "root").mkdir(parents=True)
        (folder / "packages").mkdir()
        for name, path in sources.items():
            _copy(path, folder / name)
        (folder / "base/jinba_mcp/__init__.py").write_text(_MARKER)
        _make_readable(folder)
        try:
            folder.rename(built.folder)
        except OSError:
            # Another process was faster.
            if not built.folder.is_dir():
                raise


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    if target.suffix == ".py":
        # The sandbox cannot write next to it, and times do not survive copies, so it is never checked again.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(target), doraise=True, invalidation_mode=mode)


def _make_readable(folder: Path) -> None:
    """For any user: inside, files are read by one that exists nowhere else."""
    for path, _folders, files in os.walk(folder):
        Path(path).chmod(0o755)
        for name in files:
            (Path(path) / name).chmod(0o644)
