"""Tools of a draft over REST: adding, editing, removing, each from a known state."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.faces.rest.conftest import Rest, Serve
from tests.worlds import PretendedSandbox

TOOLSET = "/v1/orgs/default/toolsets/new-tools"
TOOLS = TOOLSET + "/tools"
GREET = TOOLS + "/greet"


@pytest.fixture
async def rest(serve: Serve, sqlite_url: str, sandbox: PretendedSandbox) -> AsyncIterator[Rest]:
    sandbox.is_up = True
    async with serve(sqlite_url, sandbox) as served:
        await served.ask("POST", "/v1/orgs/default/toolsets", "write", json={"slug": "new-tools"})
        added = await served.ask("POST", TOOLS, "write", json={"slug": "greet", "code": "def run(): ..."})
        assert (added.status_code, added.headers["location"]) == (201, GREET)
        yield served


async def test_a_tool_is_added_once_and_shown_with_its_code(rest: Rest) -> None:
    shown = (await rest.ask("GET", GREET, "read")).json()
    assert (shown["slug"], shown["name"], shown["code"]) == ("greet", "greet", "def run(): ...")
    assert shown["inputSchema"] == {"type": "object", "description": "greet, 60 s"}
    again = await rest.ask("POST", TOOLS, "write", json={"slug": "greet", "code": ""})
    assert (again.status_code, again.json()["code"]) == (409, "name.taken")
    assert [tool["slug"] for tool in (await rest.ask("GET", TOOLS, "read")).json()["data"]] == ["greet"]


async def test_a_tool_is_changed_field_by_field(rest: Rest) -> None:
    schema = {"type": "object", "required": ["name"]}
    changes = {"description": "Greets.", "inputSchema": schema, "annotations": {"readOnlyHint": True}}
    changed = (await rest.ask("PATCH", GREET, "write", json=changes)).json()
    assert (changed["description"], changed["inputSchema"], changed["code"]) == ("Greets.", schema, "def run(): ...")
    assert changed["annotations"]["readOnlyHint"] is True
    changed = (await rest.ask("PATCH", GREET, "write", json={"inputSchema": None})).json()
    assert (changed["description"], changed["inputSchema"]["description"]) == ("Greets.", "greet, 60 s")
    bodies: list[dict[str, Any]] = [
        {"slug": "other"},
        {"code": None},
        {"annotations": {"hint": True}},
        {"inputSchema": []},
    ]
    for body in bodies:
        assert (await rest.ask("PATCH", GREET, "write", json=body)).status_code == 400, body


async def test_edits_of_different_tools_do_not_meet(rest: Rest) -> None:
    tag = (await rest.ask("GET", GREET, "read")).headers["etag"]
    await rest.ask("POST", TOOLS, "write", json={"slug": "more", "code": "x"})
    changed = await rest.ask("PATCH", GREET, "write", json={"name": "Greet"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    for method in ("PATCH", "DELETE"):
        stale = await rest.ask(
            method, GREET, "write", json={"name": "G"} if method == "PATCH" else None, headers={"If-Match": tag}
        )
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition.failed")


async def test_a_tool_that_was_removed_is_gone_from_the_draft_and_not_from_versions(rest: Rest) -> None:
    assert (await rest.ask("POST", TOOLSET + "/versions", "write")).status_code == 201
    assert (await rest.ask("DELETE", GREET, "write")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await rest.ask(method, GREET, "admin")).json()["code"] == "tool.not_found"
    version = (await rest.ask("GET", TOOLSET + "/versions/1.0.0", "read")).json()
    assert [tool["slug"] for tool in version["tools"]] == ["greet"]


async def test_a_byte_order_mark_is_no_code(rest: Rest) -> None:
    changed = await rest.ask("PATCH", GREET, "write", json={"code": "\ufeffx = 1"})
    assert changed.json()["code"] == "x = 1"
