"""`jinba-mcp mcp-json`: the configuration that connects an MCP client."""

import json
import os
import shlex
from typing import Annotated

import typer

from jinba_mcp.cli import addresses, local, output
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, single
from jinba_mcp.domain import ids, mcp_config
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.web import sites

app = single()


@app.command()
def mcp_json(  # noqa: PLR0913  what a configuration is made of
    *,
    client: Annotated[McpClient, typer.Option("--client", help="The program to configure.")],
    toolset: Annotated[
        str | None,
        typer.Option("--toolset", metavar="SLUG[@VERSION]", help="Only this ToolSet; else all that the key may use."),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option("--org", metavar="SLUG", help="The organization; without it all that the key belongs to."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="BASE", help="The server, such as https://tools.example.com; else the local."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="The API key to write in; else JINBA_API_KEY, else a placeholder."),
    ] = None,
    remote: Annotated[
        bool,
        typer.Option("--remote", help="For claude-desktop: with npm's mcp-remote instead of this program as bridge."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say nothing beside the JSON, which is printed in any case.")
    ] = False,
) -> None:
    """Print the configuration that connects an MCP client."""
    base = _base(url)
    name, endpoint = _endpoint(base, toolset, org)
    secret = key or os.environ.get("JINBA_API_KEY")
    bridge = None if remote else addresses.bridge()
    configuration = mcp_config.configuration(client, name=name, url=endpoint, secret=secret, bridge=bridge)
    output.document(configuration)
    if not as_json:
        _advise(client, name, configuration, has_key=bool(secret))


def _advise(client: McpClient, name: str, configuration: JsonObject, *, has_key: bool) -> None:
    if client is McpClient.CLAUDE_CODE:
        output.note(f"Or run: claude mcp add-json {name} {shlex.quote(_entry(configuration, name))}")
    if not has_key:
        output.note(f"Put a key in place of {mcp_config.KEY_PLACEHOLDER}: jinba-mcp keys create --name NAME")


def _base(url: str | None) -> str:
    if url is None:
        return addresses.base_url(local.read_settings())
    if not url.startswith(("http://", "https://")) or any(char.isspace() or char in "?#" for char in url):
        raise output.Misused("--url: this is no base URL such as https://tools.example.com.")
    return url.rstrip("/")


def _endpoint(base: str, toolset: str | None, org: str | None) -> tuple[str, str]:
    slug = (toolset or "").partition("@")[0]
    for option, given in (("--toolset", slug), ("--org", org)):
        if given and not ids.is_slug(given):
            raise output.Misused(f"{option}: '{given}' is no slug: {ids.SLUG_RULE}.")
    if toolset is not None:
        return slug, sites.toolset_endpoint(base, org or DEFAULT_ORGANIZATION, toolset)
    if org is not None:
        return "jinba", sites.organization_endpoint(base, org)
    return "jinba", sites.everything_endpoint(base)


def _entry(configuration: JsonObject, name: str) -> str:
    servers = configuration["mcpServers"]
    return json.dumps(servers[name]) if isinstance(servers, dict) else ""
