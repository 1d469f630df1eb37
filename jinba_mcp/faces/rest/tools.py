"""Tools of the active version; of the draft while nothing is active."""

from jinba_mcp.domain.errors import ToolNotFound
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import ToolDetailOut, ToolList, tool_detail_out, tool_out
from jinba_mcp.faces.rest.wire import NoQuery


async def page(asked: Asked[NoQuery, None]) -> ToolList:
    content = await asked.core.toolsets.content(asked.caller, asked.path["org"], asked.path["slug"])
    return ToolList(data=[tool_out(tool) for tool in content.tools])


async def show(asked: Asked[NoQuery, None]) -> ToolDetailOut:
    content = await asked.core.toolsets.content(asked.caller, asked.path["org"], asked.path["slug"])
    tool = content.find_tool(asked.path["tool"])
    if tool is None:
        raise ToolNotFound(asked.path["tool"])
    return tool_detail_out(tool)
