"""The OpenAPI 3.1 document, generated from the URL table and the wire schemas, so that it cannot say anything else."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import models_json_schema

from jinba_mcp import __version__
from jinba_mcp.domain import env, repeats
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest.examples import EXAMPLES
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.wire import In
from jinba_mcp.faces.web import conditions, cookies
from jinba_mcp.faces.web.problems import MEDIA_TYPE, STATUS

_REF = "#/components/schemas/{model}"
_SESSION = (
    f"Of sign-in; called {cookies.PLAIN_NAME} on a loopback address without https. What changes something also needs "
    "`Sec-Fetch-Site: same-origin`, which browsers send by themselves, or `X-CSRF-Token`. A key in the request wins."
)
_SECURITY: dict[Access, JsonValue] = {
    Access.NONE: [],
    Access.SESSION: [{"session": []}],
    Access.INVITED: [{}, {"session": []}, {"bearer": []}],
}
KEY_SCHEMES: dict[str, JsonValue] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "jtb_"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_Mode = Literal["validation", "serialization"]
_Refs = Mapping[Any, Mapping[str, Any]]

_NAMES = {
    "org": "The organization, by id or slug.",
    "slug": "The ToolSet.",
    "tool": "The tool.",
    "version": "A version number.",
    "otherVersion": "The version number to compare with.",
    "runId": "The run.",
    "envKey": "The name of the environment variable.",
    "keyId": "The key, by id.",
    "userId": "The user.",
    "invitationId": "The invitation, by id.",
    "sessionId": "The session, by id.",
    "token": "The token of the invitation.",
    "webhookId": "The webhook, by id.",
    "deliveryId": "The delivery, by id.",
}

_NAME_RULES: dict[str, JsonObject] = {"envKey": {"pattern": env.KEY_PATTERN}}
"""Of names that make something new; any other is looked for as it is, and not found."""

_HEADERS = {
    "If-Match": "Change it only if it is in one of these states, which the header ETag named; else 412.",
    "If-None-Match": "States that are known already; for those the answer is 304 without a body.",
    "Idempotency-Key": "A repeat with the same key, within 24 hours, is answered with the first run and not run again.",
}
_TAGS: JsonObject = {"anyOf": [{"const": "*"}, {"pattern": conditions.PATTERN}]}
_HEADER_RULES: dict[str, JsonObject] = {
    "If-Match": _TAGS,
    "If-None-Match": _TAGS,
    "Idempotency-Key": {"pattern": repeats.KEY_PATTERN, "maxLength": repeats.MAX_KEY_CHARACTERS},
}
_TAG = {"ETag": {"description": "The state that is shown.", "schema": {"type": "string"}}}
_ANSWERED_HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {"Idempotent-Replayed": {"schema": {"const": "true"}}},
    "If-None-Match": _TAG,
}
"""Headers that the answer may have, by the request header that asks for them."""

_NEEDS = {
    Access.ANY: "any key, or a session",
    Access.PERSONAL: "a personal key, or a session",
    Access.OPERATOR: "whoever holds the machine, who does it by the command line; keys are refused",
    Access.OWNER: "the owner of the organization, with the scope `admin`",
    Access.ADMIN_OR_SELF: "the scope `admin`; to leave, one's own user",
    Access.USER_ADMIN: "a session, or a personal key with the scope `admin`",
    Access.SESSION: "a session",
    Access.INVITED: "the token of the invitation",
}

PROBLEM: JsonObject = {
    "type": "object",
    "description": "An error, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string", "description": "Where the error is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "code": {"type": "string", "description": "Stable; for programs to tell errors apart."},
        "requestId": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "description": "One entry per fault of the request.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body or the arguments."},
                    "parameter": {"type": "string", "description": "Name of a query parameter."},
                    "detail": {"type": "string"},
                },
                "required": ["detail"],
            },
        },
        "required": {"type": "string", "description": "The scope that is needed."},
        "held": {"type": "array", "items": {"type": "string"}, "description": "The scopes that are held."},
        "retryAfter": {"type": "integer", "description": "Seconds."},
        "runId": {"type": "string", "description": "The run that was recorded, when the arguments were refused."},
        "contents": {"type": "object", "description": "What goes with what is to be deleted, how many of each."},
    },
    "required": ["type", "title", "status", "detail", "code", "requestId"],
    "examples": [
        {
            "type": "/docs/errors#error-tool-not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "There is no tool 'greeet' here. List the tools to see which there are.",
            "code": "tool.not_found",
            "requestId": "4c0a7be2f1b24d6f9f0f3a7c5d2e8b61",
        }
    ],
}

_LINES: JsonObject = {
    "application/x-ndjson": {"schema": {"type": "string", "description": "The items of `data`, one to a line."}}
}

_OTHER_ANSWERS: dict[str, JsonObject] = {
    "/docs/errors": {"text/html": {"schema": {"type": "string"}}},
    "/metrics": {"text/plain": {"schema": {"type": "string"}}},
}


def document(operations: Iterable[Operation]) -> JsonObject:
    """The whole document but for `servers`, which differ with the request."""
    rows = list(operations)
    refs, definitions = models_json_schema(sorted(_models(rows), key=str), ref_template=_REF)
    paths: dict[str, Any] = {}
    for operation in rows:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    statuses = sorted({status for operation in rows for status in _refusals(operation)})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jinba MCP",
            "version": __version__,
            "description": "A registry of AI tools: versioned ToolSets, keys with scopes, and a record of every call.",
        },
        "security": [{"bearer": []}, {"apiKey": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in rows)],
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Problem": PROBLEM},
            "responses": {str(status): refusal(status) for status in statuses},
            "securitySchemes": {
                **KEY_SCHEMES,
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookies.SECURE_NAME,
                    "description": _SESSION,
                },
            },
        },
    }


def _models(operations: Iterable[Operation]) -> set[tuple[type[BaseModel], _Mode]]:
    models: set[tuple[type[BaseModel], _Mode]] = set()
    for operation in operations:
        if operation.body is not None:
            models.add((operation.body, "validation"))
        if operation.response is not None:
            models.add((operation.response, "serialization"))
    return models


def _operation(operation: Operation, refs: _Refs) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": " ".join(filter(None, [operation.description, _needs(operation.access)])),
        "tags": [operation.tag],
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation),
            *_header_parameters(operation),
        ],
        "responses": {
            str(operation.status): _success(operation, refs),
            **({"202": {"description": "Accepted"}} if operation.or_accepted else {}),
            **({"304": {"description": "Not Modified"}} if "If-None-Match" in operation.headers else {}),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)},
        },
    }
    if operation.access in _SECURITY:
        described["security"] = _SECURITY[operation.access]
    if operation.upload is not None:
        schema = {"type": "string", "format": "binary"}
        described["requestBody"] = {"required": True, "content": {operation.upload: {"schema": schema}}}
    if operation.body is not None:
        content = {"application/json": {"schema": refs[operation.body, "validation"], **_example(operation.body)}}
        described["requestBody"] = {"required": not operation.body_is_optional, "content": content}
    return described


def _example(body: type[In]) -> dict[str, Any]:
    return {"example": EXAMPLES[body]} if body in EXAMPLES else {}


def _needs(access: Access) -> str:
    if access is Access.NONE:
        return "Needs no key."
    if access in _NEEDS:
        return f"Needs {_NEEDS[access]}."
    scopes = access.value.split("+")
    return f"Needs the scope{'s' if len(scopes) > 1 else ''} {' and '.join(f'`{scope}`' for scope in scopes)}."


def _path_parameters(operation: Operation) -> list[Any]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _NAMES[name],
            "schema": {"type": "string", **_NAME_RULES.get(name, {})},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _header_parameters(operation: Operation) -> list[Any]:
    return [
        {
            "name": name,
            "in": "header",
            "description": _HEADERS[name],
            "schema": {"type": "string", **_HEADER_RULES[name]},
        }
        for name in operation.headers
    ]


def _query_parameters(operation: Operation) -> list[Any]:
    schema = operation.query.model_json_schema()
    definitions = schema.get("$defs", {})
    parameters = []
    for name, described in schema.get("properties", {}).items():
        text = described.pop("description", None)
        described.pop("title", None)
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": _inlined(described, definitions)}
        if text is not None:
            parameter["description"] = text
        parameters.append(parameter)
    return parameters


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema without references: a query's models are not among the components."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {name: _inlined(value, definitions) for name, value in schema.items()}
    return [_inlined(item, definitions) for item in schema] if isinstance(schema, list) else schema


def _success(operation: Operation, refs: _Refs) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    answered = {name: each for header in operation.headers for name, each in _ANSWERED_HEADERS.get(header, {}).items()}
    if answered:
        answer["headers"] = answered
    if operation.response is not None:
        answer["content"] = {"application/json": {"schema": refs[operation.response, "serialization"]}}
        if "format" in operation.query.model_fields:
            answer["content"] |= _LINES
    elif operation.path.endswith("/export"):
        answer["content"] = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
    elif operation.path in _OTHER_ANSWERS:
        answer["content"] = _OTHER_ANSWERS[operation.path]
    elif operation.path.endswith("/openapi.json"):
        answer["content"] = {"application/json": {"schema": {"type": "object"}}}
    elif operation.path.endswith("/mcp-config"):
        clients = ", ".join(client.value for client in McpClient)
        schema = {"type": "object", "description": f"What the client's own file takes. Clients: {clients}."}
        answer["content"] = {"application/json": {"schema": schema}}
    return answer


def _refusals(operation: Operation) -> list[int]:
    statuses = {STATUS[family] for family in operation.errors} | {400}
    if operation.path.startswith("/v1"):
        statuses |= {429, 503}
    if operation.access is not Access.NONE:
        statuses |= {401, 403}
    if "{" in operation.path or operation.access is Access.USER_ADMIN:
        statuses.add(404)
    if operation.body is not None or operation.upload is not None:
        statuses |= {413, 415}
    if "If-Match" in operation.headers:
        statuses.add(412)
    return sorted(statuses)


def refusal(status: int) -> JsonObject:
    """The answer of a status that is an error."""
    answer: JsonObject = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    header = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.get(status)
    if header is not None:
        answer["headers"] = {header: {"schema": {"type": "string"}}}
    return answer
