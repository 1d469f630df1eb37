"""`jinba-mcp serve`: everything over HTTP, set up by itself the first time."""

import json
import sys
from typing import Annotated

import typer

from jinba_mcp import __version__, logs
from jinba_mcp.app import App, web
from jinba_mcp.cli import addresses, folders, local, output, server
from jinba_mcp.cli.options import single
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready, and nothing else.")
    ] = False,
) -> None:
    """Serve MCP and REST over HTTP, with the ToolSets from the folders of the settings."""
    settings = local.read_settings()
    logs.configure(settings.log_level, settings.log_format)
    host = host or settings.host
    listener = server.listen(host, settings.port if port is None else port)
    settings = settings.model_copy(update={"host": host, "port": listener.getsockname()[1]})

    async def work() -> bool:
        metrics = Metrics()
        async with local.registry(settings, observe=metrics.observe_run) as opened:
            ready = await _boot(opened, as_json=as_json)
            faces = web(opened, metrics)
            web_server = server.Server(
                server.configuration(faces, settings),
                on_ready=ready.tell_json if as_json else ready.tell,
                close_streams=faces.close_streams,
                drain=opened.core.runs.drain,
                grace_s=settings.shutdown_grace_s,
            )
            await web_server.serve([listener])
        return web_server.was_interrupted

    with listener:
        if local.run(work, on_uvloop=sys.platform != "win32"):
            raise typer.Exit(130)


async def _boot(opened: App, *, as_json: bool) -> "_Ready":
    if not as_json:
        output.line(f"Jinba MCP {__version__}")
    await folders.load(opened, output.note if as_json else output.line)
    caller = await opened.core.organizations.operator(DEFAULT_SLUG)
    first = await opened.core.keys.ensure_first(caller, DEFAULT_SLUG)
    return _Ready(opened.settings, None if first is None else first.secret)


class _Ready:
    """What is said once the server answers."""

    def __init__(self, settings: Settings, first_key: str | None) -> None:
        self._url = addresses.base_url(settings)
        self._first_key = first_key

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
