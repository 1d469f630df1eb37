"""Runs: calling a tool, and the history of calls."""

import asyncio
from functools import lru_cache, partial
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jinba_mcp import logs
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.errors import FieldsInvalid
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
from jinba_mcp.faces.rest.statistics_schemas import StatisticsOut, StatisticsQuery, statistics_out
from jinba_mcp.faces.rest.wire import NoQuery, page_out
from jinba_mcp.faces.web.watching import Watch, run_unless_disconnected

IDEMPOTENCY_KEY = "Idempotency-Key"
_REPEATED = {"Idempotent-Replayed": "true"}
_CLIENT_LENGTH = 200


async def call(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut | Response:
    return await _call(asked, is_public=False)


async def call_public(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut | Response:
    return await _call(asked, is_public=True)


async def test(asked: Asked[NoQuery, RunIn]) -> RunResultOut:
    if asked.body.version is not None:
        raise FieldsInvalid([{"pointer": "/version", "detail": "a test runs the draft, which has no version"}])
    ref = ToolRef(organization=asked.path["org"], toolset=asked.path["slug"], tool=asked.path["tool"])
    context = CallContext(source=RunSource.TEST, client=_client(asked), request_id=logs.request_id.get())
    run = await run_unless_disconnected(
        asked.receive, lambda: asked.core.runs.test(asked.caller, ref, asked.body.input, context)
    )
    return run_result_out(run)


async def _call(asked: Asked[RunVersionQuery, RunIn], *, is_public: bool) -> RunResultOut | Response:
    names = asked.path
    ref = _ref(names["org"], names["slug"], names["tool"], asked.body.pinned(asked.query), is_public=is_public)
    context = CallContext(source=_source(asked), client=_client(asked), request_id=logs.request_id.get())
    key = asked.headers.get(IDEMPOTENCY_KEY)
    if key is not None:
        return await _call_once(asked, ref, context, key)
    with Watch(asked.receive, partial(asked.core.runs.abandon, asyncio.current_task())) as watch:
        run = await asked.core.runs.call(asked.caller, ref, asked.body.input, context)
    if watch.is_gone:
        raise ClientDisconnect
    return run_result_out(run, await asked.core.catalog.warnings(run.version_id))


@lru_cache(maxsize=1_000)
def _ref(organization: str, toolset: str, tool: str, version: str | None, *, is_public: bool) -> ToolRef:
    # The same object for the same names: what is kept under it is found without a comparison.
    return ToolRef(organization=organization, toolset=toolset, tool=tool, version=version, is_public=is_public)


async def _call_once(
    asked: Asked[RunVersionQuery, RunIn], ref: ToolRef, context: CallContext, key: str
) -> RunResultOut | Response:
    answer = await run_unless_disconnected(
        asked.receive, lambda: asked.core.runs.call_once(asked.caller, ref, asked.body.input, context, key)
    )
    result = run_result_out(answer.run, await asked.core.catalog.warnings(answer.run.version_id))
    if not answer.is_repeated:
        return result
    return Response(result.model_dump_json(by_alias=True), headers=_REPEATED, media_type="application/json")


def _source(asked: Asked[Any, Any]) -> RunSource:
    # The operator asks from a terminal, in process; no request over the network is in that name.
    return RunSource.CONSOLE if asked.caller.is_operator else RunSource.REST


def _client(asked: Asked[Any, Any]) -> str | None:
    said = asked.headers.get("user-agent", "")[:_CLIENT_LENGTH]
    return "".join(letter for letter in said if letter.isprintable()) or None


async def call_public_short(asked: Asked[RunVersionQuery, RunIn]) -> RunResultOut | Response:
    """The other path of the same, under a name of its own for OpenAPI."""
    return await call_public(asked)


async def page(asked: Asked[RunsQuery, None]) -> RunPage:
    query = asked.query
    found = await asked.core.history.page(asked.caller, asked.path["org"], query.filter(), query.request())
    return page_out(RunPage, found, run_out)


async def statistics(asked: Asked[StatisticsQuery, None]) -> StatisticsOut:
    found = await asked.core.history.statistics(asked.caller, asked.path["org"], asked.query.filter())
    return statistics_out(found)


async def show(asked: Asked[NoQuery, None]) -> RunOut:
    return run_out(await asked.core.history.get(asked.caller, asked.path["org"], asked.path["runId"]))


async def cancel(asked: Asked[NoQuery, None]) -> RunOut:
    return run_out(await asked.core.runs.cancel(asked.caller, asked.path["org"], asked.path["runId"]))


async def replay(asked: Asked[NoQuery, None]) -> RunOut:
    context = CallContext(source=RunSource.REPLAY, client=_client(asked), request_id=logs.request_id.get())
    run = await run_unless_disconnected(
        asked.receive, lambda: asked.core.runs.replay(asked.caller, asked.path["org"], asked.path["runId"], context)
    )
    return run_out(run)
