"""The service itself: is it alive, is it ready, what has it done, what can it do."""

from functools import lru_cache

from starlette.responses import HTMLResponse, JSONResponse, Response

from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest import openapi
from jinba_mcp.faces.rest.operations import Asked, Operation
from jinba_mcp.faces.rest.run_schemas import IsolationOut
from jinba_mcp.faces.rest.wire import AnyQuery, NoQuery, Out
from jinba_mcp.faces.web import error_docs, metrics


class AliveOut(Out):
    """The process answers."""

    status: str


class SandboxOut(Out):
    """What an engine walls runs in with; `problem` says why it can run nothing."""

    name: str
    isolation: IsolationOut
    problem: str | None


class ReadinessOut(Out):
    """Whether the process can do its work, and what it works with."""

    is_ready: bool
    schema_revision: str | None
    engines: tuple[str, ...]
    sandboxes: tuple[SandboxOut, ...]
    problem: str | None


async def alive(_: Asked[AnyQuery, None]) -> AliveOut:
    return AliveOut(status="ok")


async def ready(asked: Asked[AnyQuery, None]) -> Response:
    readiness = ReadinessOut.model_validate(await asked.core.health.readiness(), from_attributes=True)
    status = 200 if readiness.is_ready else 503
    return Response(readiness.model_dump_json(by_alias=True), status, media_type="application/json")


async def counts(asked: Asked[AnyQuery, None]) -> Response:
    return Response(asked.face.metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


async def errors(_: Asked[AnyQuery, None]) -> Response:
    return HTMLResponse(_errors_page())


@lru_cache(maxsize=1)
def _errors_page() -> str:
    return error_docs.page()


async def document(asked: Asked[NoQuery, None]) -> Response:
    return JSONResponse({**_document(asked.face.operations), "servers": [{"url": asked.base_url}]})


@lru_cache(maxsize=4)
def _document(operations: tuple[Operation, ...]) -> JsonObject:
    return openapi.document(operations)
