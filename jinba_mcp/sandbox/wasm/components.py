"""The component: CPython with the guest's program in it, built and compiled once, and kept in the cache."""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import platform
import sys
import tempfile
from importlib import resources
from pathlib import Path

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.packages import leases
from jinba_mcp.sandbox.wasm import processes

_LIBRARIES = ("wasmtime", "componentize-py")
_BUILD_S = 900.0
_MAX_SAID_CHARS = 500
_GUEST = ("__init__", "describe", "faults", "plain", "results", "source", "tools")
_APP = """\
import wit_world
from jinba_mcp.sandbox.wasm import inside

inside.freeze()


class WitWorld(wit_world.WitWorld):
    def run(self, order, arguments):
        return inside.run(order, arguments, wit_world.tell, wit_world.log)
"""
_AUTHORING = """\
from jinba_mcp.authoring.progress import progress


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(f"There is no '{name}' in the WebAssembly sandbox, only progress. Return plain data.")
"""
_BUILDER = "import sys; from componentize_py import script; sys.exit(script())"


def missing() -> str | None:
    """Why there can be no component here, and what would change that."""
    absent = [name for name in _LIBRARIES if importlib.util.find_spec(name.replace("-", "_")) is None]
    if not absent:
        return None
    return f"{' and '.join(absent)} not installed; run: pip install 'jinba-mcp[wasm]'"


class Components:
    """Where the compiled component lies; who asks first waits until it is built."""

    def __init__(self, cache_dir: Path) -> None:
        self._parent = cache_dir / "wasm"
        self._building = asyncio.Lock()
        self._found: Path | None = None

    async def ready(self, report: Reporter | None = None) -> Path:
        """The file with the machine code, after the seconds that building takes if nobody has built it yet.

        Raises:
            SandboxUnavailable: it cannot be built here.
        """
        async with self._building:
            if self._found is None:
                self._found = await self._made(report)
            return self._found

    async def _made(self, report: Reporter | None) -> Path:
        problem = missing()
        if problem is not None:
            raise SandboxUnavailable(f"Code cannot be run in WebAssembly here: {problem}.")
        files = _files()
        compiled = self._parent / f"{_digest(files)}.cwasm"
        try:
            self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if compiled.is_file():
                return compiled
            hold = await leases.taken_within(_BUILD_S, lambda: leases.Hold.alone(self._parent / "building.lock"))
            if hold is None:
                raise SandboxUnavailable("Another process has been building the WebAssembly component for too long.")
            with hold:
                if not compiled.is_file():
                    await self._build(files, compiled, report or _unheard)
        except OSError as error:
            raise SandboxUnavailable(f"The WebAssembly component cannot be kept in {self._parent}: {error}.") from error
        return compiled

    async def _build(self, files: dict[str, bytes], compiled: Path, report: Reporter) -> None:
        with tempfile.TemporaryDirectory(prefix=".building-", dir=self._parent) as place:
            folder = Path(place)
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            report(0, 2, "Building Python for WebAssembly, once for this server")
            where = ["--wit-path", str(folder / "machine.wit"), "--world", "tool"]
            what = ["--python-path", str(folder), "app", "--output", str(folder / "component.wasm")]
            await _child([sys.executable, "-I", "-c", _BUILDER, *where, "componentize", *what])
            report(1, 2, "Compiling it for this computer")
            await _child(
                processes.command(f"{__package__}.compiling", str(folder / "component.wasm"), str(folder / "compiled"))
            )
            (folder / "compiled").replace(compiled)
            report(2, 2, "Python for WebAssembly is ready")


async def _child(arguments: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Without PATH, the builder finds no other Python whose packages it would put in.
        env={"PATH": "", **processes.variables()},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_BUILD_S):
            said, _nothing = await process.communicate()
    except TimeoutError:
        raise SandboxUnavailable("Building the WebAssembly component took too long.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip()[-_MAX_SAID_CHARS:]
        raise SandboxUnavailable(f"The WebAssembly component cannot be built: {last}")


def _files() -> dict[str, bytes]:
    """What goes into the component, and how it is reached, by place."""
    found = {
        f"jinba_mcp/{folder}__init__.py": b""
        for folder in ("", "domain/", "sandbox/", "sandbox/guest/", "sandbox/wasm/")
    }
    for name in _GUEST:
        found[f"jinba_mcp/sandbox/guest/{name}.py"] = _content("sandbox/guest", f"{name}.py")
    found["jinba_mcp/sandbox/guest/models.py"] = _content("sandbox/wasm", "plain_models.py")
    found["jinba_mcp/sandbox/wasm/inside.py"] = _content("sandbox/wasm", "inside.py")
    found["jinba_mcp/domain/progress.py"] = _content("domain", "progress.py")
    found["jinba_mcp/authoring/progress.py"] = _content("authoring", "progress.py")
    found["jinba_mcp/authoring/__init__.py"] = _AUTHORING.encode()
    found["machine.wit"] = _content("sandbox/wasm", "machine.wit")
    found["app.py"] = _APP.encode()
    return found


def _content(folder: str, name: str) -> bytes:
    return resources.files("jinba_mcp").joinpath(folder, name).read_bytes()


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for name in _LIBRARIES:
        digest.update(f" {name} {importlib.metadata.version(name)}".encode())
    for place, content in sorted(files.items()):
        digest.update(f"\n{place} {len(content)}\n".encode() + content)
    # How it is compiled must be how it is loaded.
    digest.update(_content("sandbox/wasm", "compiling.py"))
    return digest.hexdigest()[:32]


def _unheard(_done: float, _total: float | None, _message: str | None) -> None:
    """Nobody asked."""
