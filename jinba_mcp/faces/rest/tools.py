"""Tools of the draft."""

from jinba_mcp.domain.errors import ToolNotFound
from jinba_mcp.domain.revisions import tool_tag
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Draft
from jinba_mcp.faces.rest.draft_schemas import ToolIn, ToolPatchIn
from jinba_mcp.faces.rest.operations import Asked, Tagged
from jinba_mcp.faces.rest.schemas import ToolList, tool_detail_out, tool_out
from jinba_mcp.faces.rest.wire import NoQuery


async def page(asked: Asked[NoQuery, None]) -> ToolList:
    _, draft = await asked.core.drafts.get(asked.caller, asked.path["org"], asked.path["slug"])
    return ToolList(data=[tool_out(tool) for tool in draft.content.tools])


async def show(asked: Asked[NoQuery, None]) -> Tagged:
    _, draft = await asked.core.drafts.get(asked.caller, asked.path["org"], asked.path["slug"])
    tool = draft.content.find_tool(asked.path["tool"])
    if tool is None:
        raise ToolNotFound(asked.path["tool"])
    return _tagged(draft, tool)


async def create(asked: Asked[NoQuery, ToolIn]) -> Tagged:
    where, tool = asked.path, asked.body.source()
    _, draft, made = await asked.core.drafts.add_tool(
        asked.caller, where["org"], where["slug"], tool, if_match=asked.if_match
    )
    return _tagged(draft, made, f"/v1/orgs/{where['org']}/toolsets/{where['slug']}/tools/{made.slug}")


async def change(asked: Asked[NoQuery, ToolPatchIn]) -> Tagged:
    where, changes = asked.path, asked.body.changes()
    _, draft, tool = await asked.core.drafts.change_tool(
        asked.caller, where["org"], where["slug"], where["tool"], changes, if_match=asked.if_match
    )
    return _tagged(draft, tool)


async def remove(asked: Asked[NoQuery, None]) -> None:
    where = asked.path
    await asked.core.drafts.remove_tool(
        asked.caller, where["org"], where["slug"], where["tool"], if_match=asked.if_match
    )


def _tagged(draft: Draft, tool: Tool, location: str | None = None) -> Tagged:
    return Tagged(tool_detail_out(tool), tool_tag(draft, tool), location)
