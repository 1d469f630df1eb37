"""ToolSets with their drafts: listing, making, editing, deleting."""

from typing import Annotated, Any

from pydantic import Field
from starlette.responses import JSONResponse, Response

from jinba_mcp.core.catalog import ToolSetRef
from jinba_mcp.domain.errors import OrganizationNotFound
from jinba_mcp.domain.revisions import toolset_tag
from jinba_mcp.domain.toolsets import Draft, ToolSet
from jinba_mcp.faces.rest import toolset_openapi
from jinba_mcp.faces.rest.draft_schemas import ToolSetIn, ToolSetPatchIn
from jinba_mcp.faces.rest.operations import Asked, Tagged
from jinba_mcp.faces.rest.organization_schemas import DeletionQuery
from jinba_mcp.faces.rest.schemas import Number, ToolSetPage, toolset_detail_out, toolset_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


class DocumentQuery(NoQuery):
    """Which version to describe; the active one if not given."""

    version: Annotated[Number, Field(min_length=1)] | None = None


async def page(asked: Asked[PageQuery, None]) -> ToolSetPage:
    found = await asked.core.toolsets.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(ToolSetPage, found, toolset_out)


async def show(asked: Asked[NoQuery, None]) -> Tagged:
    return await tagged(asked, *await asked.core.drafts.get(asked.caller, asked.path["org"], asked.path["slug"]))


async def document(asked: Asked[DocumentQuery, None]) -> Response:
    organization = await asked.core.organizations.get(asked.caller, asked.path["org"])
    ref = ToolSetRef(organization=organization.id, toolset=asked.path["slug"], version=asked.query.version)
    located = await asked.core.toolsets.locate(asked.caller, ref)
    release, slug = located.release, located.toolset.slug
    kept = tuple(tool for tool in release.content.tools if asked.caller.may_use(slug, tool.slug))
    content = release.content.model_copy(update={"tools": kept})
    number = release.version.number
    return JSONResponse(toolset_openapi.document(content, number, asked.base_url, organization.slug, slug))


async def create(asked: Asked[NoQuery, ToolSetIn]) -> Tagged:
    made = await asked.core.drafts.create(asked.caller, asked.path["org"], asked.body.source())
    return await tagged(asked, *made, location=f"/v1/orgs/{asked.path['org']}/toolsets/{made[0].slug}")


async def change(asked: Asked[NoQuery, ToolSetPatchIn]) -> Tagged:
    where, changes = asked.path, asked.body.changes()
    changed = await asked.core.drafts.change(
        asked.caller, where["org"], where["slug"], changes, if_match=asked.if_match
    )
    return await tagged(asked, *changed)


async def remove(asked: Asked[DeletionQuery, None]) -> None:
    where = asked.path
    await asked.core.toolsets.remove(
        asked.caller, where["org"], where["slug"], asked.query.confirm, if_match=asked.if_match
    )


async def tagged(asked: Asked[Any, Any], toolset: ToolSet, draft: Draft, *, location: str | None = None) -> Tagged:
    """A ToolSet as it is answered after each change of it."""
    shared_with = [await _slug(asked, each) for each in toolset.listing.shared_with]
    return Tagged(toolset_detail_out(toolset, draft.content, shared_with), toolset_tag(toolset, draft), location)


async def _slug(asked: Asked[Any, Any], organization_id: str) -> str:
    try:
        return (await asked.core.organizations.resolve(organization_id)).slug
    except OrganizationNotFound:
        return organization_id
