"""Holds every answer of the REST face against what its own OpenAPI document says of it."""

import re
from functools import cache
from typing import Any

import httpx2

from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.faces.rest import openapi
from jinba_mcp.faces.rest.routes import OPERATIONS
from jinba_mcp.faces.web.problems import MEDIA_TYPE


@cache
def document() -> dict[str, Any]:
    return dict(openapi.document(OPERATIONS))


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    # Literal paths first, as `/v1/explore/tags` would otherwise be taken for a template's.
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in paths]


@cache
def _validator(ref: str) -> Validator:
    return Validator({"$ref": ref, "components": {"schemas": document()["components"]["schemas"]}})


def _described(method: str, path: str) -> dict[str, Any] | None:
    for pattern, template in _templates():
        if pattern.fullmatch(path):
            described: dict[str, Any] | None = document()["paths"][template].get(method.lower())
            return described
    return None


def check(response: httpx2.Response) -> None:
    """Fails if the operation exists and its answer is not as documented."""
    described = _described(response.request.method, response.request.url.path)
    if described is None:
        assert response.status_code in (404, 405)
        return
    answers = described["responses"]
    assert str(response.status_code) in answers, f"{response.status_code} is not documented: {response.text}"
    answer = answers[str(response.status_code)]
    if "$ref" in answer:
        assert response.headers["content-type"] == MEDIA_TYPE
        _validates("#/components/schemas/Problem", response)
    elif "content" not in answer:
        assert response.content == b""
    elif "application/json" in answer["content"]:
        assert response.headers["content-type"] == "application/json"
        schema = answer["content"]["application/json"]["schema"]
        if "$ref" in schema:
            _validates(schema["$ref"], response)
    else:
        assert response.headers["content-type"].partition(";")[0] in answer["content"]
    assert response.headers.keys() >= {name.lower() for name in answer.get("headers", {}) if name == "ETag"}


def _validates(ref: str, response: httpx2.Response) -> None:
    faults = _validator(ref).faults(response.json())
    assert faults == [], f"{ref}: {faults}"
