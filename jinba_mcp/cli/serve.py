"""`jinba-mcp serve`: everything over HTTP, set up by itself the first time."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Annotated

import anyio
import typer

from jinba_mcp import __version__, logs
from jinba_mcp.app import App
from jinba_mcp.cli import addresses, folders, local, output, server, workers
from jinba_mcp.cli.options import single
from jinba_mcp.cli.registry import registry
from jinba_mcp.core.organizations import DEFAULT_SLUG
from jinba_mcp.domain import mcp_config
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.faces.web import sites
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.settings import Settings

app = single()


@app.command()
def serve(
    *,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="The address to listen on; else JINBA_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="The port, 0 for a free one; else JINBA_PORT."),
    ] = None,
    worker_count: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, max=256, help="How many processes serve; else JINBA_WORKERS, which is 1."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready, and nothing else.")
    ] = False,
) -> None:
    """Serve MCP and REST over HTTP, with the ToolSets from the folders of the settings.

    With several workers, SIGHUP replaces them one after the other, without refusing anyone.
    """
    settings = local.read_settings()
    logs.configure(settings.log_level, settings.log_format)
    host, count = host or settings.host, worker_count or settings.workers
    with workers.listening(host, settings.port if port is None else port, count) as listeners:
        port = listeners[0].getsockname()[1]
        settings = settings.model_copy(update={"host": host, "port": port, "workers": count})
        serving = _serving_here if count == 1 else _serving_by_workers

        async def work() -> bool:
            return await serving(settings, listeners, as_json=as_json)

        if local.run(work, on_uvloop=sys.platform != "win32"):
            raise typer.Exit(130)


async def _serving_here(settings: Settings, listeners: Sequence[socket], *, as_json: bool) -> bool:
    metrics = Metrics()
    async with registry(settings, observe=metrics.observe_run, is_server=True) as opened:
        ready = await _boot(opened, as_json=as_json)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(folders.load, opened, output.note, needing_environment=True))
            was_interrupted = await server.serve(opened, metrics, listeners[0], ready.teller(as_json=as_json))
            tasks.cancel_scope.cancel()
    return was_interrupted


async def _serving_by_workers(settings: Settings, listeners: Sequence[socket], *, as_json: bool) -> bool:
    # Closed before they start: what the database and the sandbox hold here, they will not miss.
    async with registry(settings, is_server=True) as opened:
        ready = await _boot(opened, as_json=as_json)
    with TemporaryDirectory(prefix="jinba-metrics-") as metrics:
        return await workers.Workers(settings, listeners, Path(metrics)).serve(ready.teller(as_json=as_json))


async def _boot(opened: App, *, as_json: bool) -> "_Ready":
    if not as_json:
        output.line(f"Jinba MCP {__version__}")
    async with anyio.create_task_group() as tasks:
        # The walls are tried out, and told of in the log, before anyone's first call would have to wait for it.
        tasks.start_soon(opened.core.health.sandboxes)
        await folders.load(opened, output.note if as_json else output.line, needing_environment=False)
    caller = await opened.core.organizations.operator(DEFAULT_SLUG)
    first = await opened.core.keys.ensure_first(caller, DEFAULT_SLUG)
    return _Ready(opened.settings, None if first is None else first.secret)


class _Ready:
    """What is said once the server answers."""

    def __init__(self, settings: Settings, first_key: str | None) -> None:
        self._url = addresses.base_url(settings)
        self._first_key = first_key

    def teller(self, *, as_json: bool) -> Callable[[], None]:
        return self.tell_json if as_json else self.tell

    def tell_json(self) -> None:
        output.line(json.dumps({"url": self._url, "ready": True, "firstKey": self._first_key}))

    def tell(self) -> None:
        if self._first_key is None:
            output.line("\nFor another key: jinba-mcp keys create --name NAME --scope read --scope execute")
        else:
            self._welcome(self._first_key)
        # Last, because scripts wait for it and then read what stands above.
        output.line(f"\nJinba MCP is ready at {self._url}")

    def _welcome(self, key: str) -> None:
        output.heading("Your first key, with the scope admin. It is shown only this once, so keep it:")
        output.line(key)
        output.heading("Cursor, in ~/.cursor/mcp.json:")
        output.line(self._configuration(McpClient.CURSOR, key))
        output.heading("Claude Desktop, in claude_desktop_config.json:")
        output.line(self._configuration(McpClient.CLAUDE_DESKTOP, key))
        output.heading("Call a tool from a shell:")
        url = f"{sites.api_url(self._url)}/orgs/{DEFAULT_SLUG}/toolsets/greeting-tools/tools/greet/run"
        output.line(
            f"curl {url} \\\n  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
            '  -d \'{"name": "Alice"}\''
        )

    def _configuration(self, client: McpClient, key: str) -> str:
        url = sites.everything_endpoint(self._url)
        wanted = mcp_config.configuration(client, name="jinba", url=url, secret=key, bridge=addresses.bridge())
        return json.dumps(wanted, indent=2)
