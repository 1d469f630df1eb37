"""Explore: public ToolSets, for anyone."""

from jinba_mcp.faces.rest.explore_schemas import (
    ExploreQuery,
    PublicToolSetDetailOut,
    PublicToolSetList,
    TagList,
    TagOut,
    public_toolset_detail_out,
    public_toolset_out,
)
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.wire import NoQuery


async def page(asked: Asked[ExploreQuery, None]) -> PublicToolSetList:
    wanted = asked.query
    found, total = await asked.core.toolsets.explore(
        tag=wanted.tag, text=wanted.q, limit=wanted.limit, offset=wanted.offset
    )
    return PublicToolSetList(
        data=[public_toolset_out(publisher, toolset, asked.base_url) for publisher, toolset in found],
        total=total,
        limit=wanted.limit,
        offset=wanted.offset,
    )


async def show(asked: Asked[NoQuery, None]) -> PublicToolSetDetailOut:
    organization = asked.path["org"]
    toolset, content = await asked.core.toolsets.explore_one(organization, asked.path["slug"])
    publisher = await asked.core.organizations.resolve(organization)
    return public_toolset_detail_out(publisher, toolset, content.tools, asked.base_url)


async def tags(asked: Asked[NoQuery, None]) -> TagList:
    return TagList(data=[TagOut(tag=tag, count=count) for tag, count in await asked.core.toolsets.explore_tags()])
