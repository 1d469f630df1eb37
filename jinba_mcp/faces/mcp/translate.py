"""Between our nouns and MCP's shapes.

Errors go by the question: could a smarter model have avoided this? Yes: a result with `isError` that it can read. No: a
protocol error.
"""

from collections.abc import Mapping

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import JsonValue

from jinba_mcp.core.catalog import Offer
from jinba_mcp.domain import errors, json_values
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run

RUN_ID_META = "jinba-mcp/runId"
"""Key in a result's `_meta` under which the id of the recorded run stands."""

COMPLETE: JsonObject = {"resultType": "complete"}
"""What every result of 2026-07-28 begins with; older eras drop it."""

WARNINGS_META = "jinba-mcp/warnings"
"""Key in a result's `_meta` under which it stands that the version is deprecated or yanked, a sentence each."""

ERROR_CODE_META = "jinba-mcp/code"
"""Key in `_meta` under which the stable code of an error stands that the model gets to read."""

_CLIENT_LENGTH = 200

RESULT = None
"""In `PLANES`: the model gets to read it."""

PLANES: Mapping[type[errors.JinbaError], int | None] = {
    errors.Invalid: RESULT,
    errors.TooLarge: RESULT,
    errors.LimitExceeded: RESULT,
    errors.PaymentRequired: RESULT,
    errors.Conflict: RESULT,
    errors.PreconditionFailed: RESULT,
    errors.NotFound: INVALID_PARAMS,
    errors.Unauthenticated: INVALID_REQUEST,
    errors.Forbidden: INVALID_REQUEST,
    errors.MethodNotAllowed: INVALID_REQUEST,
    errors.NotAcceptable: INVALID_REQUEST,
    errors.MediaTypeUnsupported: INVALID_REQUEST,
    errors.Unavailable: INTERNAL_ERROR,
    errors.Internal: INTERNAL_ERROR,
}
"""Family to plane: the JSON-RPC code of a protocol error, or `RESULT`."""


def called_itself(name: str, version: str) -> str:
    """What a client calls itself, as the record of a run has it."""
    return f"{name} {version}".strip()[:_CLIENT_LENGTH]


def plane(error: errors.JinbaError) -> int | None:
    """The plane of an error's family."""
    return next(PLANES[family] for family in type(error).__mro__ if family in PLANES)


def tool(offer: Offer, protocol_version: str) -> JsonObject:
    """A tool as `tools/list` shows it."""
    shown: JsonObject = {
        "name": offer.name,
        "title": offer.tool.name,
        "description": offer.tool.description,
        "inputSchema": offer.tool.input_schema,
    }
    output_schema = offer.tool.output_schema
    if output_schema is not None and may_be_structured(
        is_object=output_schema.get("type") == "object", protocol_version=protocol_version
    ):
        shown["outputSchema"] = output_schema
    annotations = offer.tool.annotations.model_dump(exclude_none=True)
    if annotations:
        shown["annotations"] = annotations
    return shown


def result(run: Run, *, has_schema: bool, protocol_version: str) -> JsonObject:
    """A finished run as `tools/call` answers it."""
    meta: JsonObject = {RUN_ID_META: run.id}
    if not run.succeeded:
        return COMPLETE | {"content": [_text(_failure(run))], "isError": True, "_meta": meta}
    content: list[JsonValue] = [_text(_as_text(run.output))] if run.content is None else list[JsonValue](run.content)
    answer: JsonObject = COMPLETE | {"content": content, "isError": False, "_meta": meta}
    is_object = isinstance(run.output, dict)
    # Who was shown a schema refuses a result without structure, even where the blocks say it all.
    wanted = is_object or has_schema
    if wanted and may_be_structured(is_object=is_object, protocol_version=protocol_version):
        answer["structuredContent"] = run.output
    return answer


def warned(result: JsonObject, warnings: tuple[str, ...]) -> JsonObject:
    """The result with what its caller should know of the version that ran, where there is anything."""
    if not warnings:
        return result
    meta = result.get("_meta")
    return result | {"_meta": {**(meta if isinstance(meta, dict) else {}), WARNINGS_META: list[JsonValue](warnings)}}


def refusal(error: errors.JinbaError) -> JsonObject:
    """An error as a result that the model can read.

    Raises:
        MCPError: it belongs on the protocol plane.
    """
    code = plane(error)
    if code is not RESULT:
        raise protocol_error(error, code) from error
    return COMPLETE | {"content": [_text(error.message)], "isError": True, "_meta": _refusal_meta(error)}


def protocol_error(error: errors.JinbaError, code: int) -> MCPError:
    """An error as JSON-RPC has it, with our stable code in its data."""
    return MCPError(code=code, message=error.message, data={"code": error.code, **error.details})


def may_be_structured(*, is_object: bool, protocol_version: str) -> bool:
    """Before 2026-07-28 structured output is an object or nothing."""
    return is_object or protocol_version in MODERN_PROTOCOL_VERSIONS


def _refusal_meta(error: errors.JinbaError) -> JsonObject:
    meta: JsonObject = {ERROR_CODE_META: error.code}
    if "runId" in error.details:
        meta[RUN_ID_META] = error.details["runId"]
    return meta


def _failure(run: Run) -> str:
    if run.error is None:
        return f"The run ended as {run.status.value}."
    return f"{run.error.name}: {run.error.message}"


def _as_text(output: JsonValue) -> str:
    if output is None:
        return ""
    return output if isinstance(output, str) else json_values.written(output).decode()


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}
