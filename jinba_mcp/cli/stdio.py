"""`jinba-mcp stdio`: the local registry for one MCP client, over standard input and output."""

import os
import signal
from typing import Annotated

import anyio
import typer

from jinba_mcp import __version__, logs
from jinba_mcp.app import App
from jinba_mcp.cli import folders, local
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, single
from jinba_mcp.cli.output import Failed
from jinba_mcp.cli.registry import registry
from jinba_mcp.core.catalog import Endpoint, ToolSetRef
from jinba_mcp.domain.caller import Caller
from jinba_mcp.faces.mcp.stdio import claim, serve
from jinba_mcp.faces.worker import beat

app = single()


@app.command()
def stdio(
    *,
    toolset: Annotated[
        str | None,
        typer.Option("--toolset", metavar="SLUG[@VERSION]", help="Serve only this ToolSet; else all with MCP on."),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option("--org", metavar="SLUG", help="The organization; else that of JINBA_API_KEY, or the default one."),
    ] = None,
) -> None:
    """Serve the local registry over standard input and output, as the operator or as the key in JINBA_API_KEY."""
    settings = local.read_settings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        transport = claim()
    except OSError as error:
        raise Failed("Standard input or output is closed. An MCP client starts this command with both open.") from error

    async def speak() -> None:
        async with registry(settings) as app:
            await folders.load_if_none(app)
            caller = await _caller(app, org)
            where = org or caller.grants[0].organization_slug
            async with beat.beating(app.core), anyio.create_task_group() as tasks:
                tasks.start_soon(_end_on_signal, app)
                await serve(app.core, caller, _endpoint(where, toolset), __version__, transport=transport)
                tasks.cancel_scope.cancel()

    local.run(speak)


async def _caller(app: App, org: str | None) -> Caller:
    secret = os.environ.get("JINBA_API_KEY")
    if secret:
        return await app.core.keys.authenticate(secret)
    return await app.core.organizations.operator(org or DEFAULT_ORGANIZATION)


def _endpoint(org: str, toolset: str | None) -> Endpoint:
    if toolset is None:
        return Endpoint(organization=org)
    slug, _, version = toolset.partition("@")
    return Endpoint(toolset=ToolSetRef(organization=org, toolset=slug, version=version or None))


async def _end_on_signal(app: App) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            await app.core.runs.drain(0)
            await app.store.close()
            # The thread that reads standard input cannot be interrupted, so nothing short of this would end us.
            os._exit(130 if number == signal.SIGINT else 0)
