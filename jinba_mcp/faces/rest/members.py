"""Members of an organization."""

from jinba_mcp.faces.rest.member_schemas import MemberOut, MemberPage, RoleIn, member_out
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> MemberPage:
    found = await asked.core.members.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(MemberPage, found, member_out)


async def set_role(asked: Asked[NoQuery, RoleIn]) -> MemberOut:
    where = asked.path
    return member_out(await asked.core.members.set_role(asked.caller, where["org"], where["userId"], asked.body.role))


async def remove(asked: Asked[NoQuery, None]) -> None:
    await asked.core.members.remove(asked.caller, asked.path["org"], asked.path["userId"])
