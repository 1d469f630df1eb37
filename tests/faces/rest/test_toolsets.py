"""ToolSets over REST: making, editing from a known state, sharing, deleting."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.scopes import Scope
from tests.faces.rest.conftest import Rest, Serve
from tests.worlds import PretendedSandbox

TOOLSETS = "/v1/orgs/default/toolsets"
TOOLSET = TOOLSETS + "/new-tools"
VERSIONS = TOOLSET + "/versions"
GIVEN = {"type": "object", "properties": {"name": {"type": "string"}}}
NEW: dict[str, Any] = {
    "slug": "new-tools",
    "name": "New tools",
    "packages": [{"name": "httpx", "version": "0.28.1"}],
    "sandbox": {"timeout": 5, "memory": 64, "network": ["api.example.com"]},
    "mcpEnabled": True,
    "tags": ["demo"],
    "env": [{"key": "TOKEN", "secret": True}, {"key": "REGION", "value": "eu"}],
    "tools": [{"slug": "greet", "code": "def run(): ...", "inputSchema": GIVEN}, {"slug": "read", "code": "x"}],
}


@pytest.fixture
async def rest(serve: Serve, sqlite_url: str, sandbox: PretendedSandbox) -> AsyncIterator[Rest]:
    sandbox.is_up = True
    async with serve(sqlite_url, sandbox) as served:
        yield served


async def created(rest: Rest, **fields: Any) -> Any:
    response = await rest.ask("POST", TOOLSETS, "write", json={**NEW, **fields})
    assert response.status_code == 201, response.text
    return response


async def tag_of(rest: Rest, path: str = TOOLSET) -> str:
    return (await rest.ask("GET", path, "read")).headers["etag"]


async def test_a_toolset_is_made_with_its_tools(rest: Rest) -> None:
    response = await created(rest)
    made = response.json()
    assert response.headers["location"] == TOOLSET
    shown = await rest.ask("GET", TOOLSET, "read")
    assert (shown.json(), shown.headers["etag"]) == (made, response.headers["etag"])
    assert (made["name"], made["visibility"], made["mcpEnabled"], made["tags"]) == (
        "New tools",
        "private",
        True,
        ["demo"],
    )
    assert (made["sandbox"]["timeout"], made["sandbox"]["network"]) == (5, ["api.example.com"])
    assert [(tool["slug"], tool["inputSchema"]["type"]) for tool in made["tools"]] == [
        ("greet", "object"), ("read", "object"),
    ]  # fmt: skip
    assert (made["publishedVersion"], made["latestVersion"]) == (None, None)
    env = (await rest.ask("GET", TOOLSET + "/env", "read")).json()["data"]
    assert [(each["key"], each["secret"], each["value"]) for each in env] == [
        ("REGION", False, "eu"), ("TOKEN", True, None),
    ]  # fmt: skip
    again = await rest.ask("POST", TOOLSETS, "write", json=NEW)
    assert (again.status_code, again.json()["code"]) == (409, "name.taken")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "slug": ({"slug": "New Tools"}, "/slug"),
    "a reserved slug": ({"slug": "import"}, "/slug"),
    "a field that is none": ({"visibilty": "public"}, "/visibilty"),
    "NUL in a name": ({"name": "a\0"}, "/name"),
    "NUL in a tag": ({"tags": ["\0"]}, "/tags/0"),
    "NUL in code": ({"tools": [{"slug": "a", "code": "\0"}]}, "/tools/0/code"),
    "a tool twice": ({"tools": [{"slug": "a", "code": ""}, {"slug": "a", "code": ""}]}, "/tools"),
    "an entrypoint": ({"tools": [{"slug": "a", "code": "", "entrypoint": "no way"}]}, "/tools/0/entrypoint"),
    "a host": ({"sandbox": {"network": ["http://x"]}}, "/sandbox/network"),
    "time as text": ({"sandbox": {"timeout": "5"}}, "/sandbox/timeout"),
    "in process": ({"sandbox": {"provider": "inprocess"}}, "/sandbox/provider"),
    "a variable twice": ({"env": [{"key": "A", "value": "1"}, {"key": "A", "secret": True}]}, "/env"),
    "a secret's value": ({"env": [{"key": "A", "value": "1", "secret": True}]}, "/env"),
    "nobody": ({"sharedWith": ["nobody"]}, "/sharedWith/0"),
    "no schema": ({"tools": [{"slug": "a", "code": "", "inputSchema": {"type": "nope"}}]}, "/inputSchema"),
    "a heavy schema": (
        {"tools": [{"slug": "a", "code": "", "inputSchema": {"items": {"$ref": "#"}, "contains": {"$ref": "#"}}}]},
        "/inputSchema",
    ),
}


async def test_what_cannot_be_made_is_refused_with_a_pointer(rest: Rest) -> None:
    for name, (fields, pointer) in REFUSED.items():
        response = await rest.ask("POST", TOOLSETS, "write", json={**NEW, **fields})
        assert response.status_code == 400, f"{name}: {response.text}"
        assert str(response.json()["errors"][0]["pointer"]).startswith(pointer), name
    assert (await rest.ask("GET", TOOLSETS, "read")).json()["data"] == []


async def test_what_is_given_is_replaced_and_the_rest_stays(rest: Rest) -> None:
    await created(rest)
    response = await rest.ask("PATCH", TOOLSET, "write", json={"name": "Better", "visibility": "public", "tags": []})
    assert response.status_code == 200
    changed = response.json()
    assert (changed["name"], changed["visibility"], changed["tags"]) == ("Better", "public", [])
    assert (changed["mcpEnabled"], changed["sandbox"]["memory"], len(changed["tools"])) == (True, 64, 2)
    changed = (await rest.ask("PATCH", TOOLSET, "write", json={"sandbox": {"memory": 128}})).json()
    assert (changed["sandbox"]["memory"], changed["sandbox"]["timeout"]) == (128, None)
    assert (await rest.ask("PATCH", TOOLSET, "write", json={"slug": "other"})).status_code == 400
    assert (await rest.ask("PATCH", TOOLSETS + "/none", "write", json={})).status_code == 404


async def test_an_edit_names_the_state_that_it_is_for(rest: Rest) -> None:
    await created(rest)
    tag = await tag_of(rest)
    first = await rest.ask("PATCH", TOOLSET, "write", json={"name": "First"}, headers={"If-Match": tag})
    assert (first.status_code, first.headers["etag"]) == (200, await tag_of(rest))
    for method, path, body in (
        ("PATCH", TOOLSET, {"name": "Second"}),
        ("DELETE", TOOLSET + "?confirm=new-tools", None),
        ("POST", TOOLSET + "/tools", {"slug": "more", "code": "x"}),
        ("POST", VERSIONS, {}),
    ):
        stale = await rest.ask(method, path, "write", json=body, headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition.failed"), path
    for anything in ("*", f'"other", {first.headers["etag"]}'):
        response = await rest.ask("PATCH", TOOLSET, "write", json={"name": "First"}, headers={"If-Match": anything})
        assert response.status_code == 200, anything
    assert (await rest.ask("PATCH", TOOLSET, "write", json={}, headers={"If-Match": "x"})).status_code == 400


async def test_what_is_known_already_is_not_sent_again(rest: Rest) -> None:
    await created(rest)
    for path in (TOOLSET, TOOLSET + "/tools/greet"):
        tag = await tag_of(rest, path)
        same = await rest.ask("GET", path, "read", headers={"If-None-Match": f'W/{tag}, "x"'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert (await rest.ask("GET", path, "read", headers={"If-None-Match": '"x"'})).status_code == 200


async def test_deleting_says_what_goes_and_asks_for_the_name(rest: Rest) -> None:
    await created(rest)
    await rest.ask("POST", VERSIONS, "write")
    for query in ("", "?confirm=other"):
        response = await rest.ask("DELETE", TOOLSET + query, "write")
        assert (response.status_code, response.json()["code"]) == (409, "deletion.unconfirmed")
        assert response.json()["contents"] == {"tools": 2, "versions": 1, "variables": 0}
    assert (await rest.ask("DELETE", TOOLSET + "?confirm=new-tools", "write")).status_code == 204
    assert (await rest.ask("GET", TOOLSET, "read")).status_code == 404
    await created(rest)


async def test_a_restricted_toolset_runs_for_those_it_is_shared_with_and_is_hidden_from_all_others(rest: Rest) -> None:
    await rest.push(listing={"visibility": "restricted", "mcp_enabled": True})
    run = "/v1/public/default/greeting-tools/tools/greet/run"
    stranger = await rest.secret("admin", organization="other")

    async def status() -> int:
        return (await rest.ask("POST", run, secret=stranger, json={"name": "Al"})).status_code

    assert await status() == 404
    path = TOOLSETS + "/greeting-tools"
    shared = {"sharedWith": ["other"], "sandbox": {}}
    changed = await rest.ask("PATCH", path, "write", json=shared)
    assert changed.json()["sharedWith"] == ["other"]
    assert await status() == 200
    reader = await rest.secret("read", organization="other")
    assert (await rest.ask("POST", run, secret=reader, json={})).status_code == 403
    third = await rest.core.organizations.create(await rest.core.organizations.operator("default"), "third", "Third")
    owner = await rest.core.organizations.operator("third")
    key = await rest.core.keys.issue(owner, third.id, KeyTerms(name="k", scopes=(Scope.ADMIN,)))
    assert (await rest.ask("POST", run, secret=key.secret, json={"name": "Al"})).status_code == 404
    assert (await rest.ask("POST", run, "execute", json={"name": "Al"})).status_code == 200
    assert (await rest.ask("GET", "/v1/explore/toolsets")).json()["total"] == 0
    assert (await rest.ask("GET", "/v1/explore/toolsets/default/greeting-tools")).status_code == 404
    own = TOOLSETS.replace("default", "other") + "/greeting-tools"
    assert (await rest.ask("GET", own, secret=stranger)).status_code == 404
    await rest.ask("PATCH", path, "write", json={"sharedWith": []})
    assert await status() == 404
