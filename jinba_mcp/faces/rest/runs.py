"""Runs: calling a tool, and the history of calls."""

from jinba_mcp import logs
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.run_schemas import (
    RunIn,
    RunOut,
    RunPage,
    RunResultOut,
    RunsQuery,
    RunVersionQuery,
    run_out,
    run_result_out,
)
from jinba_mcp.faces.rest.wire import NoQuery, page_out
from jinba_mcp.faces.web.watching import run_unless_disconnected

_CLIENT_LENGTH = 200


async def call(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut:
    return await _call(asked, is_public=False)


async def call_public(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut:
    return await _call(asked, is_public=True)


async def _call(asked: Asked[RunVersionQuery, RunIn], *, is_public: bool) -> RunResultOut:
    ref = ToolRef(
        organization=asked.path["org"],
        toolset=asked.path["slug"],
        tool=asked.path["tool"],
        version=asked.body.pinned(asked.query),
        is_public=is_public,
    )
    context = CallContext(source=RunSource.REST, client=_client(asked), request_id=logs.request_id.get())
    run = await run_unless_disconnected(
        asked.receive, lambda: asked.core.runs.call(asked.caller, ref, asked.body.input, context)
    )
    return run_result_out(run)


def _client(asked: Asked[RunVersionQuery, RunIn]) -> str | None:
    said = asked.headers.get("user-agent", "")[:_CLIENT_LENGTH]
    return "".join(letter for letter in said if letter.isprintable()) or None


async def call_public_short(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut:
    """The other path of the same, under a name of its own for OpenAPI."""
    return await call_public(asked)


async def page(asked: Asked[RunsQuery, None]) -> RunPage:
    query = asked.query
    found = await asked.core.runs.page(asked.caller, asked.path["org"], query.filter(), query.request())
    return page_out(RunPage, found, run_out)


async def show(asked: Asked[NoQuery, None]) -> RunOut:
    return run_out(await asked.core.runs.get(asked.caller, asked.path["org"], asked.path["runId"]))
