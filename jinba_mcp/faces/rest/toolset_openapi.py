"""The OpenAPI 3.1 document of one ToolSet: an operation for each tool, called like the tool, for function calling."""

from typing import Any

from pydantic import JsonValue

from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content
from jinba_mcp.faces.rest.openapi import KEY_SCHEMES, PROBLEM, refusal

REFUSALS = (400, 401, 403, 404, 409, 413, 415, 429, 503)
_VALUES = ("const", "default", "enum", "examples")
"""Keywords that hold data, in which a `$ref` would be a name like any other."""
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Keywords that hold schemas by name, where `default` and `$ref` are names like any other."""


def document(content: Content, version: str, base_url: str, organization: str, slug: str) -> JsonObject:
    """Calls of the active version, which is described as it was when `version` was that."""
    schemas: JsonObject = {"Problem": PROBLEM}
    paths: JsonObject = {}
    for tool in content.tools:
        paths[f"/v1/orgs/{organization}/toolsets/{slug}/tools/{tool.slug}/run"] = {"post": _operation(tool, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {"title": content.name, "version": version, "description": content.description},
        "servers": [{"url": base_url}],
        "security": [{name: []} for name in KEY_SCHEMES],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): refusal(status) for status in REFUSALS},
            "securitySchemes": {**KEY_SCHEMES},
        },
    }


def _operation(tool: Tool, schemas: JsonObject) -> JsonObject:
    arguments = _component(f"{tool.slug}_input", tool.input_schema, schemas)
    output: JsonObject = {}
    if tool.output_schema is not None:
        output = _component(f"{tool.slug}_output", tool.output_schema, schemas)
    body: JsonObject = {"schema": _enveloped(arguments) if _needs_envelope(tool) else arguments}
    examples = tool.input_schema.get("examples")
    if isinstance(examples, list) and examples:
        body["example"] = {"input": examples[0]} if _needs_envelope(tool) else examples[0]
    answers: JsonObject = {
        "200": {
            "description": "How the call went. A tool that failed is an answer too, with `success` false.",
            "content": {"application/json": {"schema": _result(output)}},
        }
    }
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    return {
        "operationId": tool.slug,
        "summary": tool.name,
        "description": tool.description,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": answers,
    }


def _component(name: str, schema: JsonObject, schemas: JsonObject) -> JsonObject:
    """Put the schema among the components, where what it calls its root is no longer the root; a reference to it."""
    here = f"#/components/schemas/{name}"
    schemas[name] = _moved(schema, here)
    return {"$ref": here}


def _moved(value: Any, here: str) -> JsonValue:
    if isinstance(value, list):
        return [_moved(item, here) for item in value]
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]  # a JSON value, since it is inside of one
    moved: JsonObject = {}
    for name, inner in value.items():
        if name in ("$ref", "$dynamicRef") and isinstance(inner, str) and (inner == "#" or inner.startswith("#/")):
            moved[name] = here + inner[1:]
        elif name in _VALUES:
            moved[name] = inner
        elif name in _NAMED and isinstance(inner, dict):
            moved[name] = {each: _moved(schema, here) for each, schema in inner.items()}
        else:
            moved[name] = _moved(inner, here)
    return moved


def _needs_envelope(tool: Tool) -> bool:
    """Whether its bare arguments could be taken for the envelope that a run may come in."""
    properties = tool.input_schema.get("properties")
    return isinstance(properties, dict) and "input" in properties and properties.keys() <= {"input", "version"}


def _enveloped(arguments: JsonObject) -> JsonObject:
    return {"type": "object", "properties": {"input": arguments}, "required": ["input"], "additionalProperties": False}


def _result(output: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": {
            "runId": {"type": "string"},
            "version": {"type": "string"},
            "status": {"enum": ["success", "failed", "timeout", "cancelled"]},
            "success": {"type": "boolean"},
            "output": {"anyOf": [output, {"type": "null"}]} if output else {},
            "error": {
                "type": ["object", "null"],
                "properties": {"name": {"type": "string"}, "message": {"type": "string"}},
            },
            "durationMs": {"type": ["integer", "null"]},
        },
        "required": ["runId", "version", "status", "success", "output", "error"],
    }
