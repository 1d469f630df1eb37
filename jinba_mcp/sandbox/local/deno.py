"""TypeScript: the Deno that a worker becomes, where it finds its files, and what it may do.

Its permissions are the inner wall. They are given by name, none is asked for, and the kernel's walls stand around them.
"""

import functools
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deno import find_deno_bin

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Limits, Program
from jinba_mcp.sandbox.local.prelinked import prelinked

EXECUTABLE = "/opt/deno"
NODE_MODULES = "/node_modules"
"""Where Node's rules look last, whichever folder the tool's file is in."""
OWN_THREAD_COUNT = 24
"""Threads that Deno may start for itself: V8's pool of at most 16, and those that read files."""

_AUTHORING = "jinba-mcp/authoring"
_MIB = 1024 * 1024
_LEAST_HEAP_MB = 16
_OWN_MEMORY_MB = 48
"""Of the memory of a run, what is left beside V8's heap for all that is not in it."""
_ELF_HEAD_BYTES, _ELF_TABLE_AT, _ELF_ENTRIES_AT, _ELF_INTERPRETER = 64, 0x20, 0x36, 3
_VARIABLES = {
    "HOME": "/tmp",  # noqa: S108  the run's own
    "TMPDIR": "/tmp",  # noqa: S108  as above
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "NO_COLOR": "1",
    # No caches: a run is over before any of them pays, and opening them takes 2 ms.
    "DENO_DIR": "/dev/null/none",
    "DENO_EMIT_CACHE_MODE": "disable",
    "DENO_NO_UPDATE_CHECK": "1",
    # The heap grows by so much at once (mallopt(3)), and seldom.
    "MALLOC_TOP_PAD_": str(_MIB),
}
_OPTIONS = (
    "--quiet",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    "--no-remote",
    "--cached-only",
    "--no-code-cache",
    "--node-modules-dir=manual",
    "--allow-env",
    # Through /dev/fd, because Deno opens no descriptor by its number.
    "--allow-write=.,/dev/fd/3",
)


@dataclass(frozen=True)
class Deno:
    """An installed Deno, and the paths inside the sandbox: they differ where nothing can be mounted."""

    path: Path
    executable: str = EXECUTABLE
    node_modules: str = NODE_MODULES

    def in_place(self, node_modules: Path) -> "Deno":
        """The same where nothing can be mounted: paths inside are those outside."""
        return replace(self, executable=str(self.path), node_modules=str(node_modules))

    def prelinked(self, cache_dir: Path) -> "Deno":
        """The same from a copy in `cache_dir` that starts faster, if there can be one; see `prelinked.py`."""
        return replace(self, path=prelinked(self.path, cache_dir))

    def is_open(self) -> bool:
        """Whether any user may start it."""
        above = (self.path, *self.path.parents)
        return all(each.exists() and each.stat().st_mode & stat.S_IXOTH for each in above)

    @property
    def executables(self) -> tuple[str, ...]:
        """What the kernel must be let execute: the program, and the loader that it names (elf(5), PT_INTERP).

        Raises:
            OSError: it cannot be read.
        """
        return (str(self.path), *_loaders(self.path))

    def shown(self, environment: Path | None) -> dict[str, str]:
        """What a sandbox sees of it, by path inside."""
        packages = {} if environment is None else {self.node_modules: str(environment / "node_modules")}
        return {self.executable: str(self.path)} | packages

    def arguments(self, program: Program, limits: Limits, guest: str) -> tuple[str, ...]:
        """The command line: no secrets are on it. `guest` is where the folder of that name is inside."""
        folder = f"{guest}/deno"
        # Its price is a file to read at every start.
        imports = (f"--import-map={folder}/imports.json",) if _AUTHORING in program.code else ()
        network = () if program.bundle.network == "off" else ("--allow-net", "--use-env-proxy")
        return (
            self.executable,
            "run",
            *_OPTIONS,
            f"--allow-read=.,{folder},{self.node_modules}",
            f"--v8-flags=--max-old-space-size={_heap_mb(limits)}",
            *network,
            *imports,
            f"{folder}/boot.js",
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """What it is started with; the tool's own variables come later, over the run's socket."""
        return _VARIABLES


def _heap_mb(limits: Limits) -> int:
    return max(limits.memory_bytes // _MIB - _OWN_MEMORY_MB, _LEAST_HEAP_MB)


@functools.cache
def _loaders(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        head = file.read(_ELF_HEAD_BYTES)
        (table_at,) = struct.unpack_from("<Q", head, _ELF_TABLE_AT)
        entry_bytes, entry_count = struct.unpack_from("<HH", head, _ELF_ENTRIES_AT)
        file.seek(table_at)
        table = file.read(entry_bytes * entry_count)
        for start in range(0, len(table), entry_bytes):
            kind, _flags, at, _inside, _physical, length = struct.unpack_from("<IIQQQQ", table, start)
            if kind == _ELF_INTERPRETER:
                file.seek(at)
                return (os.fsdecode(file.read(length).rstrip(b"\0")),)
    return ()


@functools.cache
def installed() -> Deno:
    """The Deno that came with this server.

    Raises:
        SandboxUnavailable: there is none.
    """
    try:
        return Deno(Path(find_deno_bin()).resolve())
    except FileNotFoundError as error:
        raise SandboxUnavailable(
            "TypeScript tools run on Deno, which is not installed. Install it with 'pip install deno'."
        ) from error
