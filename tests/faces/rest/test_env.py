"""Environment variables over REST: set, listed, unset; a secret never comes back."""

import pytest

from jinba_mcp.domain.env import EnvDeclaration
from jinba_mcp.domain.toolsets import Listing
from tests.faces.rest.conftest import Rest

ENV = "/v1/orgs/default/toolsets/greeting-tools/env"
DECLARED = Listing(env=(EnvDeclaration(key="REGION", value="eu"), EnvDeclaration(key="TOKEN", secret=True)))


async def test_what_is_expected_is_listed_before_anything_is_set(rest: Rest) -> None:
    await rest.push(listing=DECLARED)
    listed = (await rest.ask("GET", ENV, "read")).json()
    assert listed == {
        "data": [
            {"key": "REGION", "secret": False, "value": "eu", "isSet": True, "updatedAt": None},
            {"key": "TOKEN", "secret": True, "value": None, "isSet": False, "updatedAt": None},
        ],
        "nextCursor": None,
    }


async def test_a_secret_is_set_and_never_comes_back(rest: Rest) -> None:
    await rest.push(listing=DECLARED)
    answer = await rest.ask("PUT", f"{ENV}/TOKEN", "write", json={"value": "hunter2", "secret": True})
    shown = {"key": "TOKEN", "secret": True, "value": None, "isSet": True, "updatedAt": "2026-11-21T12:00:00.000Z"}
    assert (answer.status_code, answer.json()) == (200, shown)
    listed = await rest.ask("GET", ENV, "read")
    assert listed.json()["data"][1] == shown
    assert "hunter2" not in listed.text


async def test_a_variable_is_unset_once(rest: Rest) -> None:
    await rest.push(listing=DECLARED)
    await rest.ask("PUT", f"{ENV}/REGION", "write", json={"value": "us"})
    assert (await rest.ask("DELETE", f"{ENV}/REGION", "write")).status_code == 204
    assert (await rest.ask("GET", ENV, "read")).json()["data"][0]["value"] == "eu"
    again = await rest.ask("DELETE", f"{ENV}/REGION", "write")
    assert (again.status_code, again.json()["code"]) == (404, "env.not_found")


@pytest.mark.parametrize(
    ("key", "body", "pointer"),
    [
        ("lower", {"value": "1"}, "/key"),
        ("TOKEN", {}, "/value"),
        ("TOKEN", {"value": 1}, "/value"),
        ("TOKEN", {"value": "a\x00b"}, "/value"),
        ("TOKEN", {"value": "x" * 32_769}, "/value"),
        ("TOKEN", {"value": "1", "secret": "yes"}, "/secret"),
        ("TOKEN", {"value": "1", "sekret": True}, "/sekret"),
    ],
)
async def test_what_cannot_be_set_is_named(rest: Rest, key: str, body: dict[str, object], pointer: str) -> None:
    await rest.push()
    answer = await rest.ask("PUT", f"{ENV}/{key}", "write", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
