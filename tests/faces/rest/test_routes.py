"""Every operation on its way from the URL table to the wire: shapes, methods, paths and access."""

from typing import Any

from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.faces.rest.examples import EXAMPLES
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.faces.rest.conftest import GREET, Rest

TOOLSET = "/v1/orgs/default/toolsets/greeting-tools"
NAMES = {
    "{org}": "default",
    "{slug}": "greeting-tools",
    "{tool}": "greet",
    "{version}": "1.0.0",
    "{otherVersion}": "1.0.0",
    "{runId}": "run_1",
    "{envKey}": "TOKEN",
    "{keyId}": "key_1",
    "{userId}": "user_1",
    "{invitationId}": "inv_1",
    "{sessionId}": "ses_1",
    "{token}": "t",
}


def filled(path: str) -> str:
    for name, value in NAMES.items():
        path = path.replace(name, value)
    return path


def sent(operation: Operation) -> dict[str, Any]:
    """A body that the operation takes."""
    if operation.upload is not None:
        return {"content": b"PK", "headers": {"Content-Type": operation.upload}}
    return {} if operation.body is None else {"json": EXAMPLES[operation.body]}


NO_LIMIT = {"perMinute": None, "perDay": None, "atOnce": None}


async def get(rest: Rest, path: str, **request: Any) -> Any:
    response = await rest.ask("GET", path, "read", **request)
    assert response.status_code == 200, response.text
    return response.json()


async def test_me_tells_an_organization_key_who_it_is(rest: Rest) -> None:
    me = (await rest.ask("GET", "/v1/me", "execute")).json()
    assert me == {
        "kind": "organization",
        "key": me["key"],
        "organization": {"id": me["organization"]["id"], "slug": "default", "name": "Default"},
        "user": None,
        "scopes": ["execute"],
        "limits": {"bodyBytes": 256 * 1024, "key": NO_LIMIT, "organization": NO_LIMIT, "tool": NO_LIMIT},
    }
    assert me["key"]["name"] == "test"


async def test_me_tells_a_personal_key_whose_it_is(rest: Rest) -> None:
    me = (await rest.ask("GET", "/v1/me", secret=await rest.personal_secret("ada@example.com", "read"))).json()
    assert (me["kind"], me["organization"], me["scopes"]) == ("personal", None, ["read"])
    assert me["user"]["id"].startswith("user_")


async def test_organizations_are_found_by_id_and_slug(rest: Rest) -> None:
    listed = (await get(rest, "/v1/orgs"))["data"]
    assert [organization["slug"] for organization in listed] == ["default"]
    assert await get(rest, "/v1/orgs/default") == listed[0]
    assert await get(rest, f"/v1/orgs/{listed[0]['id']}") == listed[0]
    assert listed[0]["createdAt"] == "2026-11-21T12:00:00.000Z"


async def test_a_toolset_comes_with_its_tools(rest: Rest) -> None:
    await rest.push()
    toolset = await get(rest, TOOLSET)
    greet = {
        "slug": "greet",
        "name": "greet",
        "description": "Greet someone.",
        "entrypoint": "run",
        "inputSchema": toolset["tools"][1]["inputSchema"],
        "outputSchema": toolset["tools"][1]["outputSchema"],
        "annotations": toolset["tools"][1]["annotations"],
    }
    assert toolset["tools"][1] == greet
    assert [tool["slug"] for tool in toolset["tools"]] == ["fail", "greet"]
    assert (toolset["visibility"], toolset["mcpEnabled"], toolset["tags"]) == ("public", True, ["demo"])
    assert (toolset["publishedVersion"], toolset["latestVersion"]) == ("1.0.0", "1.0.0")
    unsaid = dict.fromkeys(("timeout", "cpu", "memory", "processes", "tmp", "output", "logs"))
    said = {"provider": "inprocess", "network": "off", "mode": "one_shot", "prewarm": "tool"}
    assert toolset["sandbox"] == {**unsaid, **said}
    assert (await get(rest, TOOLSET + "/tools"))["data"] == toolset["tools"]
    assert await get(rest, TOOLSET + "/tools/greet") == {**greet, "code": GREET}


async def test_an_unknown_tool_is_not_found(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("GET", TOOLSET + "/tools/nothing", "read")
    assert (response.status_code, response.json()["code"]) == (404, "tool.not_found")


async def test_toolsets_are_listed_in_pages(rest: Rest) -> None:
    for slug in ("b-tools", "a-tools", "c-tools"):
        await rest.push(slug)
    first = await get(rest, "/v1/orgs/default/toolsets", params={"limit": 2})
    second = await get(rest, "/v1/orgs/default/toolsets", params={"limit": 2, "cursor": first["nextCursor"]})
    assert [toolset["slug"] for toolset in first["data"] + second["data"]] == ["a-tools", "b-tools", "c-tools"]
    assert second["nextCursor"] is None


async def test_explore_shows_public_toolsets_to_anyone(rest: Rest) -> None:
    await rest.push()
    await rest.push("hidden-tools", listing={})
    listed = (await rest.ask("GET", "/v1/explore/toolsets")).json()
    assert (listed["total"], listed["limit"], listed["offset"]) == (1, 50, 0)
    assert listed["data"][0] == {
        "organization": {"slug": "default", "name": "Default"},
        "slug": "greeting-tools",
        "name": "greeting-tools",
        "description": "",
        "tags": ["demo"],
        "version": "1.0.0",
        "updatedAt": "2026-11-21T12:00:00.000Z",
        "mcpUrl": "http://localhost/v1/public/default/greeting-tools/mcp",
    }
    shown = await rest.ask("GET", "/v1/explore/toolsets/default/greeting-tools")
    assert [tool["slug"] for tool in shown.json()["tools"]] == ["fail", "greet"]
    assert "def run" not in shown.text
    assert (await rest.ask("GET", "/v1/explore/tags")).json() == {"data": [{"tag": "demo", "count": 1}]}
    assert (await rest.ask("GET", "/v1/explore/toolsets/default/hidden-tools")).status_code == 404


async def test_explore_finds_by_tag_and_text(rest: Rest) -> None:
    await rest.push()
    for params, total in [({"tag": "demo"}, 1), ({"tag": "x"}, 0), ({"q": "GREET"}, 1), ({"q": "zzz"}, 0)]:
        assert (await rest.ask("GET", "/v1/explore/toolsets", params=params)).json()["total"] == total, params
    assert (await rest.ask("GET", "/v1/explore/toolsets", params={"offset": 1})).json()["data"] == []


async def test_mcp_config_names_the_endpoint_for_each_client(rest: Rest) -> None:
    await rest.push()
    url = "http://localhost/v1/orgs/default/toolsets/greeting-tools/mcp"
    every = await get(rest, TOOLSET + "/mcp-config")
    assert list(every) == [client.value for client in McpClient]
    cursor = await get(rest, TOOLSET + "/mcp-config", params={"client": "cursor"})
    assert cursor == every["cursor"]
    assert cursor["mcpServers"]["greeting-tools"]["url"] == url
    whole = await get(rest, "/v1/orgs/default/mcp-config", params={"client": "vscode"})
    assert whole["servers"]["jinba"]["url"] == "http://localhost/v1/orgs/default/mcp"
    response = await rest.ask("GET", TOOLSET + "/mcp-config", "read", params={"client": "emacs"})
    assert (response.status_code, response.json()["errors"][0]["parameter"]) == (400, "client")


async def test_mcp_config_of_a_toolset_that_mcp_does_not_serve_says_so(rest: Rest) -> None:
    await rest.push(listing={})
    response = await rest.ask("GET", TOOLSET + "/mcp-config", "read")
    assert response.status_code == 409
    assert "mcpEnabled" in response.json()["detail"]


async def test_each_operation_asks_for_what_the_table_says(rest: Rest) -> None:
    await rest.push()
    for operation in (each for each in OPERATIONS if each not in PEOPLE):
        path = filled(operation.path)
        response = await rest.ask(operation.method, path, checked=False)
        if operation.access is Access.NONE:
            assert response.status_code == 200, operation
            continue
        assert (response.status_code, response.json()["code"]) == (401, "key.missing"), operation
        needed = set(operation.access.value.split("+"))
        others = {"read", "write", "execute"} - needed
        refused = await rest.ask(operation.method, path, *sorted(others), **sent(operation))
        if operation.access is Access.ANY:
            assert refused.status_code == 200, operation
        elif operation.access is Access.PERSONAL:
            assert refused.json()["code"] == "key.personal_needed", operation
        else:
            assert refused.status_code == 403, operation
            # Nobody who comes by REST is the operator; who may not even administrate is told that first.
            assert refused.json()["required"] in ({"admin"} if operation.access is Access.OPERATOR else needed), (
                operation
            )


async def test_another_method_is_refused_with_those_that_there_are(rest: Rest) -> None:
    for path in {operation.path for operation in OPERATIONS}:
        response = await rest.ask("OPTIONS", filled(path))
        methods = {operation.method for operation in OPERATIONS if operation.path == path}
        assert (response.status_code, response.json()["code"]) == (405, "method.not_allowed"), path
        assert set(response.headers["allow"].split(", ")) == methods | ({"HEAD"} if "GET" in methods else set()), path


async def test_head_works_wherever_get_does(rest: Rest) -> None:
    response = await rest.ask("HEAD", "/v1/me", "read", checked=False)
    assert response.status_code == 200


async def test_an_unknown_path_is_a_problem_too(rest: Rest) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v1/me/", "/v2/me", "/v1/orgs/a/b/c"):
        response = await rest.ask("GET", path, "read")
        assert (response.status_code, response.json()["code"]) == (404, "endpoint.not_found"), path
        assert response.headers["content-type"] == "application/problem+json", path


async def test_another_organizations_things_do_not_exist(rest: Rest) -> None:
    for operation in OPERATIONS:
        if "{org}" in operation.path and operation.path.startswith("/v1/orgs"):
            path = filled(operation.path.replace("{org}", "other"))
            response = await rest.ask(operation.method, path, "admin", **sent(operation))
            assert (response.status_code, response.json()["code"]) == (404, "organization.not_found"), operation
