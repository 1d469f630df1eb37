"""The OpenAPI document: complete, consistent in itself, and about this server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.faces.rest.operations import Access
from jinba_mcp.faces.rest.routes import OPERATIONS, routes
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
    assert ("requestBody" in described) == (operation.body is not None)
    assert (described.get("security") == []) == (operation.access is Access.NONE)
    assert ("401" in described["responses"]) == (operation.access is not Access.NONE)
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
