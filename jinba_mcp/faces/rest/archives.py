"""Archives: a ToolSet as a ZIP file, out and in."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from jinba_mcp.faces.rest.operations import Asked, Tagged
from jinba_mcp.faces.rest.schemas import Number
from jinba_mcp.faces.rest.toolsets import tagged
from jinba_mcp.faces.rest.wire import NoQuery

MEDIA_TYPE = "application/zip"


class ExportQuery(NoQuery):
    """Which version to export; the draft if not given."""

    version: Annotated[Number, Field(min_length=1)] | None = None


async def export(asked: Asked[ExportQuery, None]) -> Response:
    where, version = asked.path, asked.query.version
    archive = await asked.core.archives.export(asked.caller, where["org"], where["slug"], version)
    name = where["slug"] if version is None else f"{where['slug']}-{version}"
    disposition = f'attachment; filename="{name}.zip"'
    return Response(archive, headers={"Content-Disposition": disposition}, media_type=MEDIA_TYPE)


async def load(asked: Asked[NoQuery, bytes]) -> Tagged:
    loaded = await asked.core.archives.load(asked.caller, asked.path["org"], asked.body, if_match=asked.if_match)
    return await tagged(asked, *loaded)


async def load_as(asked: Asked[NoQuery, bytes]) -> Tagged:
    where = asked.path
    loaded = await asked.core.archives.load(
        asked.caller, where["org"], asked.body, slug=where["slug"], if_match=asked.if_match
    )
    return await tagged(asked, *loaded)
