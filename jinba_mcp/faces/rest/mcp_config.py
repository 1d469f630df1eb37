"""Client configuration: JSON to paste into an MCP client."""

from starlette.responses import JSONResponse, Response

from jinba_mcp.domain import mcp_config
from jinba_mcp.domain.errors import Conflict
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import McpConfigQuery
from jinba_mcp.faces.web import sites


async def of_toolset(asked: Asked[McpConfigQuery, None]) -> Response:
    organization = await asked.core.organizations.get(asked.caller, asked.path["org"])
    toolset = await asked.core.toolsets.get(asked.caller, organization.id, asked.path["slug"])
    if not toolset.listing.mcp_enabled:
        raise Conflict(f"MCP is off for '{toolset.slug}'. Set mcpEnabled for it first.")
    url = sites.toolset_endpoint(asked.base_url, organization.slug, toolset.slug)
    return _answer(asked.query.client, toolset.slug, url)


async def of_organization(asked: Asked[McpConfigQuery, None]) -> Response:
    organization = await asked.core.organizations.get(asked.caller, asked.path["org"])
    return _answer(asked.query.client, "jinba", sites.organization_endpoint(asked.base_url, organization.slug))


def _answer(client: McpClient | None, name: str, url: str) -> Response:
    if client is not None:
        return JSONResponse(mcp_config.configuration(client, name=name, url=url, secret=None))
    everything: JsonObject = {
        each.value: mcp_config.configuration(each, name=name, url=url, secret=None) for each in McpClient
    }
    return JSONResponse(everything)
