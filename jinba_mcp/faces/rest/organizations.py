"""Organizations: those that the key acts in."""

from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import OrganizationOut, OrganizationPage, organization_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> OrganizationPage:
    found = await asked.core.organizations.page(asked.caller, asked.query.request())
    return page_out(OrganizationPage, found, organization_out)


async def show(asked: Asked[NoQuery, None]) -> OrganizationOut:
    return organization_out(await asked.core.organizations.get(asked.caller, asked.path["org"]))
