"""The installers, uv and deno: found where pip put them, started in a clean environment, bounded in time and output."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeAlias

import anyio
import anyio.abc
from deno import find_deno_bin
from uv import find_uv_bin

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import MAX_LOCK_BYTES
from jinba_mcp.sandbox.packages import confined, trees
from jinba_mcp.sandbox.packages.leases import Hold, taken_within

MAX_AT_ONCE = 4
"""Installers of one server process; further ones wait."""
MAX_BUILDS_AT_ONCE = 1
"""Builds take every processor and gigabytes of memory; further ones wait."""
DEFAULT_MAX_BYTES = 10 * 1024**3
"""How large the cache of environments may grow."""
MAX_ERROR_BYTES = 64 * 1024
_MAX_LINE_BYTES = 1_000
_DISK_GLANCE_S = 0.2
_DOWNLOADS = ("uv", "deno", "wheels")
"""Folders of what can be had again: the installers' own, and what was built."""

_PASSED_ON = frozenset(
    {
        # How this machine reaches the outside.
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("DENO_CERT", "DENO_TLS_CA_STORE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST"),
        # Which registries the operator wants.
        *("UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
        *("UV_INDEX_STRATEGY", "UV_CONFIG_FILE", "UV_EXCLUDE_NEWER", "UV_OFFLINE"),
        *("UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_MIN_RELEASE_AGE"),
    }
)
_CREDENTIALS_PREFIX = "UV_INDEX_"
"""UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, of indexes that need them."""

OnLine: TypeAlias = Callable[[str], None]
"""Takes each line of standard error as it comes, cut to a bounded length."""
Say: TypeAlias = Callable[[str], None]
"""Takes a sentence about what is being done now."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that tools run on: its executable, and what of it an environment depends on."""

    path: Path
    version: str
    platform: str

    @classmethod
    def own(cls) -> Self:
        """The one that this server runs on, outside any virtual environment."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        executable = Path(getattr(sys, "_base_executable", sys.executable))
        return cls(executable, version, f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}")


@dataclass(frozen=True, slots=True)
class Said:
    """How an installer ended: its exit code, and the bounded beginnings of what it wrote."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Installers:
    """Starts uv and deno, in folders below `cache_dir`; they may write nowhere else.

    Their own caches are there too, on one file system with what they build, so that files are shared and not copied.
    `environ` is where the operator's registries and proxies are read from; nothing else of it is passed on.
    """

    cache_dir: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    max_disk_bytes: int = 4 * 1024**3
    """How far one installer may bring down the free space, which is what ends an archive bomb."""
    allow_builds: bool = False
    """Whether packages that have no wheel may be built from their sources, behind walls."""
    room: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(MAX_AT_ONCE))
    build_room: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(MAX_BUILDS_AT_ONCE))

    async def uv(self, arguments: Sequence[str], cwd: Path, timeout_s: float, on_line: OnLine | None = None) -> Said:
        """Run uv to its end.

        Raises:
            EnvironmentFailed: it is not installed, or went over a limit.
        """
        return await self._run([_found(find_uv_bin), *arguments], cwd, timeout_s, on_line)

    async def deno(self, arguments: Sequence[str], cwd: Path, timeout_s: float, on_line: OnLine | None = None) -> Said:
        """Run deno to its end.

        Raises:
            EnvironmentFailed: it is not installed, or went over a limit.
        """
        return await self._run([_found(find_deno_bin), *arguments], cwd, timeout_s, on_line)

    async def program(self, script: Path, arguments: Sequence[str], cwd: Path, timeout_s: float) -> Said:
        """Run a program of our own to its end, confined as installers are.

        Raises:
            EnvironmentFailed: it went over a limit.
        """
        return await self._run([sys.executable, "-I", "-S", str(script), *arguments], cwd, timeout_s, None)

    def shrink(self, max_bytes: int) -> None:
        """Delete what was downloaded if it takes more than `max_bytes`, unless an installer is at work."""
        # The folder outlives the hold: deleting takes long, and installers need not wait for that.
        with trees.scratch_folder(self.cache_dir / "building") as scratch:
            hold = Hold.alone(self._at_work)
            if hold is None:
                return
            with hold:
                downloads = [self.cache_dir / name for name in _DOWNLOADS if (self.cache_dir / name).exists()]
                if sum(trees.measure(folder).total_bytes for folder in downloads) > max_bytes:
                    for folder in downloads:
                        folder.rename(scratch / folder.name)

    @property
    def _at_work(self) -> Path:
        return self.cache_dir / "installing.lock"

    async def _run(self, command: list[str], cwd: Path, timeout_s: float, on_line: OnLine | None) -> Said:
        (self.cache_dir / "home").mkdir(parents=True, exist_ok=True)
        try:
            with anyio.fail_after(timeout_s):
                await self.room.acquire()
        except TimeoutError:
            raise _too_long(timeout_s) from None
        try:
            hold = await taken_within(timeout_s, lambda: Hold.shared(self._at_work))
            if hold is None:
                raise _too_long(timeout_s)
            with hold:
                return await self._bounded(command, cwd, timeout_s, on_line)
        finally:
            self.room.release()

    async def _bounded(self, command: list[str], cwd: Path, timeout_s: float, on_line: OnLine | None) -> Said:
        output, errors, disk = _Kept(MAX_LOCK_BYTES + 1), _Kept(MAX_ERROR_BYTES, on_line), _Disk(self.max_disk_bytes)
        has_ended = False
        async with await anyio.open_process(
            [*self._confinement(), *command],
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=self._environment(),
            start_new_session=True,
        ) as process:
            try:
                with anyio.fail_after(timeout_s):
                    async with anyio.create_task_group() as watching:
                        watching.start_soon(disk.watch, self.cache_dir, process.pid)
                        async with anyio.create_task_group() as reading:
                            reading.start_soon(output.take, process.stdout)
                            reading.start_soon(errors.take, process.stderr)
                        code = await process.wait()
                        has_ended = True
                        watching.cancel_scope.cancel()
            except TimeoutError:
                raise _too_long(timeout_s) from None
            finally:
                if not has_ended:
                    _end(process.pid)
        if disk.is_over:
            raise EnvironmentFailed(
                f"Installing packages was stopped: they take more than {self.max_disk_bytes // 1024**2} MB on disk, "
                "downloads included. List fewer or smaller packages, or have the operator make room."
            )
        return Said(code, output.text, errors.text)

    def _confinement(self) -> list[str]:
        if sys.platform != "linux":
            return []
        return [sys.executable, "-I", "-S", confined.__file__, str(self.cache_dir)]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in self.environ.items() if _is_passed_on(name.upper())}
        own = {
            "HOME": str(self.cache_dir / "home"),
            "TMPDIR": str(self.cache_dir / "home"),
            "PATH": os.defpath,
            "NO_COLOR": "1",
            "UV_CACHE_DIR": str(self.cache_dir / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_CONCURRENT_BUILDS": "1",
            "DENO_DIR": str(self.cache_dir / "deno"),
            "DENO_NO_UPDATE_CHECK": "1",
        }
        if "UV_CONFIG_FILE" not in kept:
            own["UV_NO_CONFIG"] = "1"
        # So that an operator's own certificates count for deno as they do for uv.
        return {"DENO_TLS_CA_STORE": "mozilla,system"} | kept | own


class _Kept:
    """The beginning of a stream; what is over the limit is read and dropped."""

    def __init__(self, max_bytes: int, on_line: OnLine | None = None) -> None:
        self._max_bytes = max_bytes
        self._on_line = on_line
        self._bytes = bytearray()
        self._line = bytearray()

    @property
    def text(self) -> str:
        return self._bytes.decode(errors="replace")

    async def take(self, stream: anyio.abc.ByteReceiveStream | None) -> None:
        if stream is None:
            return
        async for chunk in stream:
            self._bytes += chunk[: self._max_bytes - len(self._bytes)]
            if self._on_line is not None:
                self._split(chunk, self._on_line)

    def _split(self, chunk: bytes, on_line: OnLine) -> None:
        *ended, rest = (bytes(self._line) + chunk).split(b"\n")
        for line in ended:
            on_line(line[:_MAX_LINE_BYTES].decode(errors="replace").strip())
        self._line = bytearray(rest[:_MAX_LINE_BYTES])


class _Disk:
    """Watches the free space, which is cheap to ask for however much is being written."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.is_over = False

    async def watch(self, folder: Path, session: int) -> None:
        least_bytes = shutil.disk_usage(folder).free - self._max_bytes
        while not self.is_over:
            await anyio.sleep(_DISK_GLANCE_S)
            self.is_over = shutil.disk_usage(folder).free < max(least_bytes, 0)
        _end(session)


def _too_long(timeout_s: float) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"Installing packages took longer than {timeout_s:g} seconds and was stopped. Try again later."
    )


def _end(session: int) -> None:
    # All of it: uv compiles in processes of its own, and whoever is left holds the pipes open.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def _is_passed_on(name: str) -> bool:
    is_credential = name.startswith(_CREDENTIALS_PREFIX) and name.endswith(("_USERNAME", "_PASSWORD"))
    return name in _PASSED_ON or is_credential


def _found(find: Callable[[], str | os.PathLike[str]]) -> str:
    try:
        return os.fspath(find())
    except FileNotFoundError:
        raise EnvironmentFailed(
            "The program that installs packages is missing on this server. Have the operator reinstall jinba-mcp."
        ) from None
