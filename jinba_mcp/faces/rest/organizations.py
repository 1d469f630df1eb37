"""Organizations: those that the caller acts in."""

from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.organization_schemas import DeletionQuery, OrganizationIn, OrganizationPatchIn
from jinba_mcp.faces.rest.schemas import OrganizationOut, OrganizationPage, organization_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> OrganizationPage:
    found = await asked.core.organizations.page(asked.caller, asked.query.request())
    return page_out(OrganizationPage, found, organization_out)


async def show(asked: Asked[NoQuery, None]) -> OrganizationOut:
    return organization_out(await asked.core.organizations.get(asked.caller, asked.path["org"]))


async def create(asked: Asked[NoQuery, OrganizationIn]) -> OrganizationOut:
    wanted = asked.body
    return organization_out(await asked.core.organizations.create(asked.caller, wanted.slug, wanted.name or ""))


async def change(asked: Asked[NoQuery, OrganizationPatchIn]) -> OrganizationOut:
    where, wanted = asked.path["org"], asked.body
    return organization_out(
        await asked.core.organizations.change(asked.caller, where, slug=wanted.slug, name=wanted.name)
    )


async def delete(asked: Asked[DeletionQuery, None]) -> None:
    await asked.core.organizations.delete(asked.caller, asked.path["org"], confirm=asked.query.confirm)
