"""The OpenAPI document: complete, consistent in itself, and about this server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from jinba_mcp.domain.errors import Unauthenticated
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.faces.rest.operations import Access
from jinba_mcp.faces.rest.routes import OPERATIONS, routes
from jinba_mcp.faces.rest.run_schemas import RunIn
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from tests.faces.rest.conftest import Rest
from tests.faces.rest.documented import document


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


async def test_the_document_is_served_with_the_address_of_this_server(rest: Rest) -> None:
    served = (await rest.ask("GET", "/v1/openapi.json")).json()
    assert served == {**document(), "servers": [{"url": "http://localhost"}]}
    assert served["openapi"] == "3.1.0"


async def test_every_route_is_in_the_document(rest: Rest) -> None:
    served = {route.path for route in routes(rest.core, Site(), Metrics(), max_body_bytes=1)}
    assert document()["paths"].keys() == served
    described = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    assert described == {(operation.path, operation.method) for operation in OPERATIONS}


def test_every_reference_leads_somewhere() -> None:
    for ref in _refs(document()):
        node: Any = document()
        for step in ref.removeprefix("#/").split("/"):
            node = node[step]
        assert isinstance(node, dict), ref


def test_no_schema_is_there_for_nothing() -> None:
    used = {ref.rpartition("/")[2] for ref in _refs(document()) if "/schemas/" in ref}
    assert document()["components"]["schemas"].keys() == used


@pytest.mark.parametrize("name", sorted(document()["components"]["schemas"]))
def test_every_schema_is_one_and_its_examples_fit(name: str) -> None:
    schemas = document()["components"]["schemas"]
    validator = Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})
    for example in schemas[name].get("examples", []):
        assert validator.faults(example) == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.method + operation.path)
def test_every_operation_is_described_in_full(operation: Any) -> None:
    described = document()["paths"][operation.path][operation.method.lower()]
    assert described["summary"]
    assert described["description"]
    in_path = [each["name"] for each in described["parameters"] if each["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", operation.path)
    has_body = operation.body is not None or operation.upload is not None
    assert ("requestBody" in described) == has_body
    assert (described.get("security") == []) == (operation.access is Access.NONE)
    asks_who = operation.access is not Access.NONE or Unauthenticated in operation.errors
    assert ("401" in described["responses"]) == asks_who
    success = described["responses"][str(operation.status)]
    assert ("content" in success) == (operation.status != 204)


def test_operation_ids_are_unique() -> None:
    ids = [described["operationId"] for methods in document()["paths"].values() for described in methods.values()]
    assert len(ids) == len(set(ids))


def test_query_parameters_stand_for_themselves() -> None:
    parameters = document()["paths"]["/v1/orgs/{org}/runs"]["get"]["parameters"]
    by_name = {each["name"]: each for each in parameters}
    assert {"status", "toolset", "tool", "version", "source", "keyId", "since", "until", "limit", "cursor"} < set(
        by_name
    )
    assert by_name["limit"]["schema"]["maximum"] == 200
    assert list(_refs(parameters)) == []


def test_every_default_fits_its_own_schema() -> None:
    schemas = document()["components"]["schemas"]
    found = [
        (f"{name}.{field}", described)
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
        if "default" in described
    ]
    assert found
    for where, described in found:
        validator = Validator({**described, "components": {"schemas": schemas}})
        assert validator.faults(described["default"]) == [], where


@pytest.mark.parametrize(
    "name", ["KeyPatchIn", "MarksIn", "OrganizationPatchIn", "ToolPatchIn", "ToolSetPatchIn", "WebhookPatchIn"]
)
def test_what_is_left_out_of_a_change_has_no_default(name: str) -> None:
    described = document()["components"]["schemas"][name]["properties"]
    assert [field for field, schema in described.items() if "default" in schema] == []


def _texts(node: Any) -> Iterator[dict[str, Any]]:
    """The schemas below `node` of text that may be anything."""
    if isinstance(node, dict):
        if node.get("type") == "string" and not node.keys() & {"const", "enum", "format"}:
            yield node
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)


def test_no_text_that_is_sent_may_hold_nul() -> None:
    schemas = document()["components"]["schemas"]
    for operation in OPERATIONS:
        sent = [operation.query.model_json_schema()]
        sent += [] if operation.body in (None, RunIn) else [schemas[operation.body.__name__]]
        for text in _texts([model.get("properties", {}) for model in sent]):
            assert not re.search(text.get("pattern", ""), "\0"), f"{operation.name}: {text}"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("If-Match", ["*", '"a"', '"a", W/"b"'], ["", "a", '"', '* , "a"']),
        ("If-None-Match", ["*", '"a"'], ["", "a"]),
        ("Idempotency-Key", ["k", "a key", "k" * 255], ["", " ", "é", "\0"]),
        ("envKey", ["A", "_A1"], ["", "a", "1A", "A" * 129]),
    ],
)
def test_parameters_with_rules_have_them_in_the_document(name: str, good: list[str], bad: list[str]) -> None:
    described = [
        parameter["schema"]
        for methods in document()["paths"].values()
        for operation in methods.values()
        for parameter in operation["parameters"]
        if parameter["name"] == name
    ]
    assert described
    for schema in described:
        validator = Validator(schema)
        assert [text for text in good if validator.faults(text)] == []
        assert [text for text in bad if not validator.faults(text)] == []
