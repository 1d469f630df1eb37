"""Errors on the wire: one table from family to status, and RFC 9457 problem+json for all of them."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler, Scope

from jinba_mcp import logs
from jinba_mcp.domain import errors
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.web import standing

MEDIA_TYPE = "application/problem+json"
DOCS_URL = "/docs/errors"
"""What `type` is relative to; the fragment is the anchor of the code's section in README.md."""

CLIENT_GONE = 499
"""Not a status of HTTP: counted for a request whose client hung up, and read by nobody."""

STATUS: dict[type[JinbaError], int] = {
    errors.Unauthenticated: 401,
    errors.PaymentRequired: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.Invalid: 400,
    errors.TooLarge: 413,
    errors.MediaTypeUnsupported: 415,
    errors.LimitExceeded: 429,
    errors.Unavailable: 503,
    errors.Internal: 500,
}

_RETRY_AFTER_S = {429: 1, 503: 5}
_OWN_FIELDS = frozenset({"type", "title", "status", "detail", "code", "requestId"})


def status_of(error: type[JinbaError]) -> int:
    """The HTTP status of an error's family."""
    return next(STATUS[family] for family in error.__mro__ if family in STATUS)


def type_url(code: str) -> str:
    """Where an error code is explained."""
    return f"{DOCS_URL}#error-{code.replace('.', '-').replace('_', '-')}"


def problem(error: JinbaError) -> Response:
    """The answer for an error, with the headers that its status asks for."""
    status = status_of(type(error))
    body: JsonObject = {
        "type": type_url(error.code),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "requestId": logs.request_id.get(),
    }
    body |= {name: value for name, value in error.details.items() if name not in _OWN_FIELDS}
    return Response(json.dumps(body), status, _headers(error, status), MEDIA_TYPE)


def _headers(error: JinbaError, status: int) -> dict[str, str]:
    if isinstance(error, errors.KeyMissing):
        return {"WWW-Authenticate": 'Bearer realm="jinba"'}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="jinba", error="invalid_token"'}
    if status in _RETRY_AFTER_S:
        again = {"Retry-After": str(error.details.get("retryAfter", _RETRY_AFTER_S[status]))}
        return again | (standing.of_refusal(error) if isinstance(error, errors.RateExceeded) else {})
    return {"Allow": str(error.details["allow"])} if "allow" in error.details else {}


def response_to(error: Exception, scope: Scope) -> Response:
    """What a request is answered with that ended in this error, whatever it is."""
    if isinstance(error, JinbaError):
        return problem(error)
    if isinstance(error, HTTPException):
        return _of_starlette(error, scope)
    return Response(status_code=CLIENT_GONE) if isinstance(error, ClientDisconnect) else problem(errors.Internal())


def _of_starlette(error: HTTPException, scope: Scope) -> Response:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(errors.EndpointNotFound(scope["path"], "GET /v1/openapi.json lists all there are."))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(method_not_allowed(scope["method"], (error.headers or {}).get("Allow", "")))
    return Response(error.detail, error.status_code, error.headers, "text/plain")


async def _answer(request: Request, error: Exception) -> Response:
    return response_to(error, request.scope)


def method_not_allowed(method: str, allowed: str) -> errors.MethodNotAllowed:
    """The error for a path that exists, asked with a method that does not; `allowed` as the header `Allow` has it."""
    return errors.MethodNotAllowed(f"{method[:20]} is not possible here; what is: {allowed}.", allow=allowed)


EXCEPTION_HANDLERS: Mapping[type[Exception], ExceptionHandler] = dict.fromkeys(
    (JinbaError, HTTPException, ClientDisconnect, Exception), _answer
)
"""What a Starlette app answers errors with; the edge installs them on the app that it wraps."""
