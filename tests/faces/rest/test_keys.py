"""Keys over REST: what each operation answers, once and afterwards."""

from typing import Any

from tests.faces.rest.conftest import Rest, Serve

KEYS = "/v1/orgs/default/api-keys"


async def test_a_new_key_comes_with_all_that_a_client_needs(rest: Rest) -> None:
    body = {"name": "Laptop", "scopes": ["read", "execute"], "toolsets": ["text-tools"], "allowedIps": ["127.0.0.0/8"]}
    response = await rest.ask("POST", KEYS, "admin", json=body)
    key = response.json()
    assert response.status_code == 201
    assert {name: key[name] for name in body} == body
    assert key["prefix"] == key["key"][:8]
    assert key["apiBaseUrl"] == "http://localhost/v1"
    assert key["mcpJson"]["mcpServers"]["jinba"] == {
        "type": "http",
        "url": "http://localhost/v1/orgs/default/mcp",
        "headers": {"Authorization": f"Bearer {key['key']}"},
    }
    assert (await rest.ask("GET", "/v1/me", secret=key["key"])).json()["key"]["id"] == key["id"]


async def test_urls_are_those_of_the_public_address(serve: Serve, sqlite_url: str) -> None:
    async with serve(sqlite_url, public_url="https://tools.example.com/") as rest:
        key = (await rest.ask("POST", KEYS, "admin", json={"name": "Laptop"})).json()
    assert key["apiBaseUrl"] == "https://tools.example.com/v1"
    assert key["mcpJson"]["mcpServers"]["jinba"]["url"] == "https://tools.example.com/v1/orgs/default/mcp"


async def test_a_key_reads_and_executes_unless_told_otherwise(rest: Rest) -> None:
    response = await rest.ask("POST", KEYS, "admin", json={"name": "Plain"})
    assert response.json()["scopes"] == ["read", "execute"]


async def test_the_full_key_is_never_shown_again(rest: Rest) -> None:
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "Once"})).json()
    again = await rest.ask("GET", f"{KEYS}/{made['id']}", "read")
    listed = await rest.ask("GET", KEYS, "read")
    assert again.json()["name"] == "Once"
    assert made["id"] in [key["id"] for key in listed.json()["data"]]
    assert made["key"] not in again.text + listed.text


async def test_a_change_replaces_only_what_is_given(rest: Rest) -> None:
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "Old", "tools": ["a/b"]})).json()
    response = await rest.ask("PATCH", f"{KEYS}/{made['id']}", "admin", json={"expiresAt": "2027-01-01T00:00:00+01:00"})
    changed = response.json()
    assert (changed["name"], changed["tools"], changed["expiresAt"]) == ("Old", ["a/b"], "2026-12-31T23:00:00.000Z")
    response = await rest.ask("PATCH", f"{KEYS}/{made['id']}", "admin", json={"name": "New", "tools": None})
    changed = response.json()
    assert (changed["name"], changed["tools"], changed["expiresAt"]) == ("New", None, "2026-12-31T23:00:00.000Z")


async def test_a_rotated_key_works_beside_the_old_one_for_the_overlap(rest: Rest) -> None:
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "Turning"})).json()
    response = await rest.ask("POST", f"{KEYS}/{made['id']}/rotate", "admin", json={"overlapSeconds": 60})
    rotated = response.json()
    assert response.status_code == 201
    assert (rotated["id"], rotated["apiBaseUrl"]) == (made["id"], "http://localhost/v1")
    assert rotated["key"] != made["key"]
    for secret in (made["key"], rotated["key"]):
        assert (await rest.ask("GET", "/v1/me", secret=secret)).status_code == 200
    rest.clock.advance(seconds=61)
    assert (await rest.ask("GET", "/v1/me", secret=made["key"])).status_code == 401
    assert (await rest.ask("GET", "/v1/me", secret=rotated["key"])).status_code == 200


async def test_rotation_needs_no_body(rest: Rest) -> None:
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "Turning"})).json()
    rotated = (await rest.ask("POST", f"{KEYS}/{made['id']}/rotate", "admin")).json()
    assert (await rest.ask("GET", "/v1/me", secret=made["key"])).status_code == 401
    assert (await rest.ask("GET", "/v1/me", secret=rotated["key"])).status_code == 200


async def test_a_revoked_key_is_refused_on_its_next_request(rest: Rest) -> None:
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "Lost"})).json()
    response = await rest.ask("DELETE", f"{KEYS}/{made['id']}", "admin")
    assert response.status_code == 204
    refused = await rest.ask("GET", "/v1/me", secret=made["key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "key.unknown")
    assert (await rest.ask("DELETE", f"{KEYS}/{made['id']}", "admin")).status_code == 404


async def test_members_may_list_keys_but_not_make_them(rest: Rest) -> None:
    assert (await rest.ask("GET", KEYS, "read")).status_code == 200
    response = await rest.ask("POST", KEYS, "read", json={"name": "Mine"})
    assert (response.status_code, response.json()["required"]) == (403, "admin")


async def test_keys_that_cannot_be_are_refused_field_by_field(rest: Rest) -> None:
    bodies: list[tuple[dict[str, Any], str]] = [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a\x00b"}, "/name"),
        ({"name": "k", "scopes": []}, "/scopes"),
        ({"name": "k", "scopes": ["all"]}, "/scopes/0"),
        ({"name": "k", "toolsets": ["Not A Slug"]}, "/toolsets/0"),
        ({"name": "k", "tools": ["toolset"]}, "/tools/0"),
        ({"name": "k", "allowedIps": ["300.1.1.1"]}, "/allowedIps/0"),
        ({"name": "k", "expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"name": "k", "expiresAt": "0001-01-01T00:00:00+23:59"}, "/expiresAt"),
        ({"name": "k", "expiresAt": 1}, "/expiresAt"),
        ({"name": "k", "expires_at": None}, "/expires_at"),
    ]
    for body, pointer in bodies:
        response = await rest.ask("POST", KEYS, "admin", json=body)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer), body
    made = (await rest.ask("POST", KEYS, "admin", json={"name": "k"})).json()
    patches: list[tuple[dict[str, Any], str]] = [
        ({"name": None}, "/name"),
        ({"scopes": None}, "/scopes"),
        ({"nmae": "x"}, "/nmae"),
    ]
    for body, pointer in patches:
        response = await rest.ask("PATCH", f"{KEYS}/{made['id']}", "admin", json=body)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer), body
    for overlap in (-1, 10**9, "5", True, 1.5):
        response = await rest.ask("POST", f"{KEYS}/{made['id']}/rotate", "admin", json={"overlapSeconds": overlap})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/overlapSeconds"), overlap


async def test_personal_keys_are_made_listed_and_revoked_by_their_user(rest: Rest) -> None:
    secret = await rest.personal_secret("ada@example.com", "read", "execute")
    rest.clock.advance(seconds=1)
    made = await rest.ask("POST", "/v1/me/api-keys", secret=secret, json={"name": "Second", "scopes": ["read"]})
    assert made.status_code == 201
    assert made.json()["kind"] == "personal"
    assert made.json()["mcpJson"]["mcpServers"]["jinba"]["url"] == "http://localhost/mcp"
    listed = await rest.ask("GET", "/v1/me/api-keys", secret=secret)
    assert [key["name"] for key in listed.json()["data"]] == ["Second", "mine"]
    gone = await rest.ask("DELETE", f"/v1/me/api-keys/{made.json()['id']}", secret=secret)
    assert gone.status_code == 204
    assert (await rest.ask("GET", "/v1/me", secret=made.json()["key"])).status_code == 401


async def test_an_organization_key_has_no_personal_keys(rest: Rest) -> None:
    response = await rest.ask("GET", "/v1/me/api-keys", "admin")
    assert (response.status_code, response.json()["code"]) == (403, "key.personal_needed")
