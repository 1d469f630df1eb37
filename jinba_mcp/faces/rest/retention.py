"""Retention: how long an organization keeps its runs."""

from jinba_mcp.domain.retention import Retention
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.retention_schemas import RetentionIn, RetentionOut, retention_out
from jinba_mcp.faces.rest.wire import NoQuery


async def show(asked: Asked[NoQuery, None]) -> RetentionOut:
    service = asked.core.retention
    return retention_out(await service.get(asked.caller, asked.path["org"]), service.keeping)


async def put(asked: Asked[NoQuery, RetentionIn]) -> RetentionOut:
    service, wanted = asked.core.retention, Retention(**asked.body.model_dump())
    return retention_out(await service.change(asked.caller, asked.path["org"], wanted), service.keeping)
