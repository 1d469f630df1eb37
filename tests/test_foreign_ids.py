"""No id of one organization works in another: every id of every path, alone among ids that are right."""

import re
from typing import Any

import pytest

from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.rest.operations import Operation
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.test_permissions import (
    BODIES,
    QUERIES,
    Asked,
    Furnished,
    asked,
    asked_once,
    database_url,
    keyring,
    sent,
)

__all__ = ["asked", "asked_once", "database_url", "keyring"]

COUNTED_BY_EACH = {"version", "otherVersion"}
"""Numbers that every ToolSet counts for itself, so that there is nothing foreign in them."""
MAKING = {("env_put", "envKey"), ("archives_load_as", "slug")}
"""A name that the request itself makes."""
OF_USERS = {"keys_revoke_personal", "sessions_end", "invitations_show", "invitations_accept"}
"""What belongs to a user, or to whoever holds the token, and to no organization."""


def foreign(operation: Operation) -> list[str]:
    """The names in its path that could be another organization's."""
    names = re.findall(r"\{(\w+)\}", operation.path)
    return [n for n in names if n != "org" and n not in COUNTED_BY_EACH and (operation.name, n) not in MAKING]


WITH_IDS = [each for each in OPERATIONS if "{org}" in each.path and foreign(each)]


async def answered(asking: Asked, operation: Operation, names: dict[str, str]) -> Any:
    """The answer to a key of the organization `other` that may do everything there."""
    headers = {"Authorization": f"Bearer {asking.secrets['other', (Scope.ADMIN,)]}"}
    path = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], operation.path)
    query = QUERIES.get(operation.name) and {"confirm": names["slug"]}
    asking_with = sent(operation, headers, BODIES.get(operation.name, {}))
    return await asking.client.request(operation.method, path, params=query, **asking_with)


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda operation: operation.name)
async def test_an_id_of_one_organization_is_unknown_in_another(
    asked: tuple[Asked, McpHttp], asked_once: Furnished, operation: Operation
) -> None:
    own, others = asked_once.names_of_other, asked_once.names
    if "envKey" in foreign(operation):
        for names in (own, others):
            owner = await asked[0].world.core.organizations.operator(names["org"])
            setting = Setting(key=names["envKey"], value="1")
            await asked[0].world.core.env.put(owner, names["org"], names["slug"], setting)
    for name in foreign(operation):
        answer = await answered(asked[0], operation, {**own, name: others[name]})
        assert answer.status_code == 404, (name, answer.text)
        assert answer.json()["code"] != "endpoint.not_found"
    # And it is the id that makes the difference.
    answer = await answered(asked[0], operation, own)
    assert answer.status_code in (200, 201, 202, 204, 400, 409), answer.text


def test_every_id_in_a_path_is_walked() -> None:
    rest = [each for each in OPERATIONS if foreign(each) and each not in WITH_IDS]
    assert {each.name for each in rest} == OF_USERS


@pytest.mark.parametrize(
    ("path", "parameter", "name"),
    [
        ("/v1/orgs/other/runs", "keyId", "keyId"),
        ("/v1/orgs/other/runs", "toolset", "slug"),
        ("/v1/orgs/other/audit-log", "actor", "userId"),
        ("/v1/orgs/other/audit-log", "actor", "keyId"),
        ("/v1/orgs/other/audit-log", "target", "webhookId"),
    ],
)
async def test_a_filter_by_an_id_of_another_organization_finds_nothing(
    asked: tuple[Asked, McpHttp], path: str, parameter: str, name: str
) -> None:
    headers = {"Authorization": f"Bearer {asked[0].secrets['other', (Scope.ADMIN,)]}"}
    query = {parameter: asked[0].names[name]}
    answer = await asked[0].client.get(path, params=query, headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_keys_and_sessions_of_others_are_unknown_to_a_user(asked: tuple[Asked, McpHttp]) -> None:
    asking = asked[0]
    admin, member = asking.sessions[Role.ADMIN], asking.sessions[Role.MEMBER]
    body = {"name": "mine", "scopes": ["read"]}
    mine = (await asking.client.post("/v1/me/api-keys", json=body, headers=member)).json()
    session = (await asking.client.get("/v1/auth/sessions", headers=member)).json()["data"][0]
    paths = [
        f"/v1/me/api-keys/{mine['id']}",
        f"/v1/me/api-keys/{asking.names['keyId']}",
        f"/v1/auth/sessions/{session['id']}",
    ]
    assert [(await asking.client.delete(path, headers=admin)).status_code for path in paths] == [404, 404, 404]
    assert [(await asking.client.delete(path, headers=member)).status_code for path in paths] == [204, 404, 204]
