"""ToolSets, with the tools of what is active."""

from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import ToolSetDetailOut, ToolSetPage, toolset_detail_out, toolset_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> ToolSetPage:
    found = await asked.core.toolsets.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(ToolSetPage, found, toolset_out)


async def show(asked: Asked[NoQuery, None]) -> ToolSetDetailOut:
    organization, slug = asked.path["org"], asked.path["slug"]
    toolset = await asked.core.toolsets.get(asked.caller, organization, slug)
    return toolset_detail_out(toolset, await asked.core.toolsets.content(asked.caller, organization, slug))
