"""The OpenAPI document of a ToolSet: its operations are its tools, and what it says of them holds."""

from collections.abc import Iterator
from typing import Any

from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.sources import SourceTool
from tests.faces.rest.conftest import Rest

TOOLSET = "/v1/orgs/default/toolsets/greeting-tools"
TREE = """
from pydantic import BaseModel, Field

class Node(BaseModel):
    name: str = Field(examples=["root"])
    children: list["Node"] = []

def run(node: Node) -> Node:
    return node
"""
WRAPPED = """
def run(input: dict) -> dict:
    return input
"""


async def document(rest: Rest, query: str = "", **request: Any) -> Any:
    return (await rest.ask("GET", TOOLSET + "/openapi.json" + query, "read", **request)).json()


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


async def test_each_tool_is_an_operation_of_its_name(rest: Rest) -> None:
    await rest.push()
    described = await document(rest)
    assert (described["openapi"], described["info"]["version"]) == ("3.1.0", "1.0.0")
    assert described["servers"] == [{"url": "http://localhost"}]
    operations = {path: methods["post"] for path, methods in described["paths"].items()}
    assert {path: each["operationId"] for path, each in operations.items()} == {
        TOOLSET + "/tools/fail/run": "fail",
        TOOLSET + "/tools/greet/run": "greet",
    }
    assert operations[TOOLSET + "/tools/greet/run"]["description"] == "Greet someone."
    assert described["security"] == [{"bearer": []}, {"apiKey": []}]
    assert {"400", "401", "403", "404", "429", "503"} < operations[TOOLSET + "/tools/greet/run"]["responses"].keys()


async def test_what_the_document_says_holds_for_arguments_and_answers(rest: Rest) -> None:
    await rest.push(
        tools=(
            SourceTool(slug="tree", code=TREE),
            SourceTool(slug="wrapped", code=WRAPPED, output_schema={"type": "object"}),
        )
    )
    described = await document(rest)
    for ref in refs(described):
        node = described
        for step in ref.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
    calls: dict[str, Any] = {
        "tree": {"node": {"name": "a", "children": [{"name": "b"}]}},
        "wrapped": {"input": {"input": {"x": 1}}},
    }
    for tool, body in calls.items():
        path = f"{TOOLSET}/tools/{tool}/run"
        operation = described["paths"][path]["post"]
        taken = operation["requestBody"]["content"]["application/json"]["schema"]
        answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
        response = await rest.ask("POST", path, "execute", json=body)
        assert response.json()["success"], response.text
        assert Validator({**taken, "components": described["components"]}).faults(body) == []
        assert Validator({**answered, "components": described["components"]}).faults(response.json()) == []
        assert Validator({**taken, "components": described["components"]}).faults({"node": 1}) != []


async def test_references_in_data_are_left_alone(rest: Rest) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"const": {"$ref": "#/x"}}, "b": {"$ref": "#"}}}
    schema["examples"] = [{"a": {"$ref": "#/x"}}]
    await rest.push(tools=(SourceTool(slug="t", code="def run(**_): return {}", input_schema=schema),))
    described = await document(rest)
    moved = described["components"]["schemas"]["t_input"]
    assert moved["properties"]["a"]["const"] == {"$ref": "#/x"}
    assert moved["properties"]["b"] == {"$ref": "#/components/schemas/t_input"}
    body = described["paths"][TOOLSET + "/tools/t/run"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"] == {"a": {"$ref": "#/x"}}


async def test_arguments_called_like_keywords_of_data_have_their_references_moved(rest: Rest) -> None:
    point, here = {"$ref": "#/$defs/P"}, {"$ref": "#/components/schemas/t_input/$defs/P"}
    named = ("const", "default", "enum", "examples", "$ref")
    schema: dict[str, Any] = {"type": "object", "properties": dict.fromkeys(named, point), "$defs": {"P": {}}}
    schema["$defs"]["enum"] = point
    schema["dependentSchemas"] = {"default": point}
    await rest.push(tools=(SourceTool(slug="t", code="def run(**_): return {}", input_schema=schema),))
    moved = (await document(rest))["components"]["schemas"]["t_input"]
    assert moved["properties"] == dict.fromkeys(named, here)
    assert (moved["$defs"]["enum"], moved["dependentSchemas"]["default"]) == (here, here)


async def test_it_is_of_the_active_version_or_the_one_that_is_named_and_of_the_keys_own_tools(rest: Rest) -> None:
    await rest.push()
    await rest.push(tools=(SourceTool(slug="greet", code="def run(): return {}"),))
    assert len((await document(rest))["paths"]) == 1
    assert len((await document(rest, "?version=1.0.0"))["paths"]) == 2
    narrowed = await rest.secret("read", tools=["greeting-tools/fail"])
    shown = await rest.ask("GET", TOOLSET + "/openapi.json?version=1.0.0", secret=narrowed)
    assert list(shown.json()["paths"]) == [TOOLSET + "/tools/fail/run"]
    assert (await rest.ask("GET", TOOLSET + "/openapi.json?version=7.0.0", "read")).status_code == 404
    await rest.ask("POST", "/v1/orgs/default/toolsets", "write", json={"slug": "new-tools"})
    unpublished = await rest.ask("GET", "/v1/orgs/default/toolsets/new-tools/openapi.json", "read")
    assert (unpublished.status_code, unpublished.json()["code"]) == (404, "version.not_found")
