"""The way of a request through an operation, before and after its handler."""

import pytest

from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.faces.rest.conftest import Rest


def test_only_bodies_without_required_fields_may_be_left_out() -> None:
    needing = {operation.name for operation in OPERATIONS if operation not in PEOPLE and not operation.body_is_optional}
    assert needing == {
        "env_put",
        "versions_activate",
        "keys_issue",
        "keys_issue_personal",
        "toolsets_create",
        "tools_create",
        "credits_change",
        "webhooks_create",
    }


async def test_who_asks_comes_before_what_is_asked(rest: Rest) -> None:
    response = await rest.ask("POST", "/v1/orgs/default/api-keys?nothing=1", content=b"{", checked=False)
    assert (response.status_code, response.json()["code"]) == (401, "key.missing")


async def test_a_body_that_is_needed_is_asked_for(rest: Rest) -> None:
    response = await rest.ask("POST", "/v1/orgs/default/api-keys", "admin")
    assert (response.status_code, response.json()["code"]) == (400, "request.malformed")


async def test_a_body_that_nobody_reads_does_no_harm(rest: Rest) -> None:
    response = await rest.ask("GET", "/v1/me", "read", content=b"\xff\x00")
    assert response.status_code == 200


async def test_two_keys_in_one_request_are_refused(rest: Rest) -> None:
    other = await rest.secret("execute")
    response = await rest.ask("GET", "/v1/me", "read", headers={"X-API-Key": other})
    assert (response.status_code, response.json()["code"]) == (400, "key.conflict")


@pytest.mark.parametrize(
    ("secret", "code"),
    [("jtb_short", "key.malformed"), ("jtb_" + "0" * 49, "key.malformed"), ("sk-1", "key.malformed")],
)
async def test_a_key_that_is_none_is_refused_with_a_challenge(rest: Rest, secret: str, code: str) -> None:
    response = await rest.ask("GET", "/v1/me", secret=secret)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["www-authenticate"] == 'Bearer realm="jinba", error="invalid_token"'


async def test_answers_are_plain_json_that_is_not_kept(rest: Rest) -> None:
    response = await rest.ask("GET", "/v1/me", "read")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
