"""Versions: published, looked at, compared and made the active one."""

from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.versions import Marks
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import (
    ActivationIn,
    DiffOut,
    MarksIn,
    PublicationIn,
    ToolSetOut,
    VersionDetailOut,
    VersionOut,
    VersionPage,
    diff_out,
    toolset_out,
    version_detail_out,
    version_out,
)
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> VersionPage:
    where = asked.path
    found = await asked.core.versions.page(asked.caller, where["org"], where["slug"], asked.query.request())
    return page_out(VersionPage, found, version_out)


async def show(asked: Asked[NoQuery, None]) -> VersionDetailOut:
    where = asked.path
    return version_detail_out(
        await asked.core.versions.get(asked.caller, where["org"], where["slug"], where["version"])
    )


async def compare(asked: Asked[NoQuery, None]) -> DiffOut:
    where = asked.path
    return diff_out(
        await asked.core.versions.diff(
            asked.caller, where["org"], where["slug"], where["version"], where["otherVersion"]
        )
    )


async def mark(asked: Asked[NoQuery, MarksIn]) -> VersionOut:
    where, marks = asked.path, Marks(**asked.body.model_dump())
    return version_out(
        await asked.core.versions.mark(asked.caller, where["org"], where["slug"], where["version"], marks)
    )


async def publish(asked: Asked[NoQuery, PublicationIn]) -> VersionOut:
    publication = Publication(**asked.body.model_dump())
    where = asked.path
    return version_out(
        await asked.core.versions.publish(
            asked.caller, where["org"], where["slug"], publication, if_match=asked.if_match
        )
    )


async def activate(asked: Asked[NoQuery, ActivationIn]) -> ToolSetOut:
    where = asked.path
    return toolset_out(
        await asked.core.versions.activate(
            asked.caller, where["org"], where["slug"], asked.body.version, if_match=asked.if_match
        )
    )
