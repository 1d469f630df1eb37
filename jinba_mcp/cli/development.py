"""Serving a folder as it is being written, from a registry that is gone afterwards: `jinba-mcp toolsets dev`."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import anyio

from jinba_mcp import logs
from jinba_mcp.app import App
from jinba_mcp.authoring.folder import find_folders
from jinba_mcp.cli import addresses, local, output, progress, server, watching
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION
from jinba_mcp.cli.registry import registry
from jinba_mcp.core.versions import Pushed
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run
from jinba_mcp.faces.web import sites
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.settings import Settings

HOST = "127.0.0.1"


def serve(directory: Path, port: int, *, as_json: bool) -> bool:
    """Serve the folder until a signal comes, and load it whenever it changes; whether Ctrl-C was that signal."""
    current = local.read_settings()
    logs.configure("warning" if current.log_level == "info" else current.log_level, current.log_format)
    listener = server.listen(HOST, port)
    with (
        _leaving_nothing(),
        listener,
        tempfile.TemporaryDirectory(prefix="jinba-dev-", ignore_cleanup_errors=True) as place,
    ):
        settings = _temporary(current, Path(place), listener.getsockname()[1])

        async def work() -> bool:
            tell = _Events(addresses.base_url(settings), as_json=as_json)
            metrics = Metrics()
            async with registry(settings, observe=tell.ran, is_server=True) as opened:
                bench = await _Bench.over(opened, directory, tell)
                known = watching.look(bench.root)
                await bench.load()
                web_server = server.over(opened, metrics, settings, tell.ready)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_watch, bench.root, known, bench.load)
                    await web_server.serve([listener])
                    tasks.cancel_scope.cancel()
            return web_server.was_interrupted

        return local.run(work, on_uvloop=sys.platform != "win32")


@contextmanager
def _leaving_nothing() -> Iterator[None]:
    """Have what would end the process at once, and leave its secrets on the disk, be Ctrl-C: a closed terminal, too."""
    names = (getattr(signal, name, None) for name in ("SIGHUP", "SIGTERM"))
    # One that is ignored already, as under nohup, stays so.
    numbers = [number for number in names if number is not None and signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, _: FrameType | None) -> None:
    # Once, since the kernel and the shell both tell that a terminal is closed.
    signal.signal(number, signal.SIG_IGN)
    signal.raise_signal(signal.SIGINT)


def _temporary(current: Settings, place: Path, port: int) -> Settings:
    # Packages stay where they are kept, since to install them anew each time would take minutes.
    changes = {"data_dir": place, "cache_dir": current.cache, "database_url": None, "secret_key": None}
    return current.model_copy(update={**changes, "host": HOST, "port": port, "public_url": None})


async def _watch(root: Path, known: watching.Look, load: Callable[[], Awaitable[None]]) -> None:
    async for _ in watching.changes(root, known):
        await load()


class _Events:
    """What is said of all that happens: for people, or a line of JSON each."""

    def __init__(self, url: str, *, as_json: bool) -> None:
        self._url = url
        self._as_json = as_json
        self._key = ""

    def keep(self, key: str) -> None:
        """Have the key told when the server is ready."""
        self._key = key

    def ready(self) -> None:
        mcp = sites.everything_endpoint(self._url)
        event: JsonObject = {"event": "ready", "url": self._url, "mcpUrl": mcp, "key": self._key}
        lines = (f"\nREST: {self._url}/v1", f"MCP:  {mcp}", f"Key:  {self._key}", "\nWatching. Ctrl-C ends it.")
        self._say(event, "\n".join(lines))

    def loaded(self, pushed: Pushed, tools: tuple[str, ...]) -> None:
        slug, number = pushed.toolset.slug, pushed.version.number
        event: JsonObject = {"event": "loaded", "slug": slug, "version": number, "tools": list(tools)}
        hint = "" if pushed.toolset.listing.mcp_enabled else " (not over MCP: mcpEnabled is off)"
        self._say(event, f"{slug} {number}: {', '.join(tools) or 'no tools yet'}{hint}")

    def broken(self, name: str, error: JinbaError) -> None:
        said = local.explained(error)
        self._say({"event": "broken", "slug": name, "problem": said}, f"{output.printable(name)} is not loaded: {said}")

    def ran(self, run: Run) -> None:
        tool = f"{run.toolset_slug}/{run.tool_slug}"
        event: JsonObject = {"event": "run", "id": run.id, "tool": tool, "status": run.status.value}
        error = "" if run.error is None else f": {run.error.name}: {run.error.message}"
        took = "" if run.duration_ms is None else f" in {run.duration_ms} ms"
        self._say(event, f"{tool} {run.version}: {run.status.value}{took}{error}")

    def _say(self, event: JsonObject, text: str) -> None:
        output.line(json.dumps(event) if self._as_json else output.printable(text))


@dataclass(frozen=True)
class _Bench:
    """The folder and the registry that it is loaded into."""

    app: App
    caller: Caller
    root: Path
    tell: _Events

    @classmethod
    async def over(cls, app: App, root: Path, tell: _Events) -> "_Bench":
        caller = await app.core.organizations.operator(DEFAULT_ORGANIZATION)
        first = await app.core.keys.ensure_first(caller, DEFAULT_ORGANIZATION)
        tell.keep("" if first is None else first.secret)
        return cls(app, caller, root, tell)

    async def load(self) -> None:
        """Load what differs from what is loaded already."""
        try:
            paths = find_folders(self.root)
        except JinbaError as error:
            self.tell.broken(self.root.name, error)
            return
        for path in paths:
            try:
                await self._load(path)
            except JinbaError as error:
                self.tell.broken(path.name, error)

    async def _load(self, path: Path) -> None:
        core = self.app.core
        with progress.telling(f"Loading {path.name}") as report:
            pushed = await core.folders.push(self.caller, DEFAULT_ORGANIZATION, path, report=report)
        await self._set_secrets(pushed)
        if pushed.is_new_version:
            content = await core.toolsets.content(self.caller, DEFAULT_ORGANIZATION, pushed.toolset.slug)
            self.tell.loaded(pushed, tuple(tool.slug for tool in content.tools))

    async def _set_secrets(self, pushed: Pushed) -> None:
        slug = pushed.toolset.slug
        for declared in pushed.toolset.listing.env:
            value = os.environ.get(declared.key)
            if declared.secret and value:
                setting = Setting(key=declared.key, value=value, is_secret=True)
                await self.app.core.env.put(self.caller, DEFAULT_ORGANIZATION, slug, setting)
