"""Versions over REST: publishing, looking, comparing, activating."""

from typing import Any

from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from tests.faces.rest.conftest import GREET, Rest

TOOLSET = "/v1/orgs/default/toolsets/greeting-tools"
VERSIONS = TOOLSET + "/versions"


async def save_draft(rest: Rest, code: str = GREET + "# changed", **fields: Any) -> None:
    rest.clock.advance(seconds=1)
    owner = await rest.core.organizations.operator("default")
    tools = (SourceTool(slug="greet", code=code),)
    source = Source(slug="greeting-tools", tools=tools, sandbox=Sandbox(provider="inprocess"), **fields)
    await rest.core.drafts.save(owner, "default", source)


async def test_the_draft_is_published_under_a_number(rest: Rest) -> None:
    await rest.push()
    await save_draft(rest)
    response = await rest.ask("POST", VERSIONS, "write", json={"version": "2.0.0", "releaseNotes": "Better."})
    version = response.json()
    assert response.status_code == 201
    assert (version["version"], version["releaseNotes"], version["yankedAt"]) == ("2.0.0", "Better.", None)
    assert version["digest"].startswith("sha256:")
    toolset = (await rest.ask("GET", TOOLSET, "read")).json()
    assert (toolset["publishedVersion"], toolset["latestVersion"]) == ("1.0.0", "2.0.0")


async def test_without_a_body_the_next_patch_is_published(rest: Rest) -> None:
    await rest.push()
    await save_draft(rest)
    assert (await rest.ask("POST", VERSIONS, "write")).json()["version"] == "1.0.1"


async def test_what_cannot_be_published_is_a_conflict(rest: Rest) -> None:
    await rest.push()
    codes = [
        (await rest.ask("POST", VERSIONS, "write", json=body)).json()["code"]
        for body in ({}, {"version": "1.0.0"}, {"version": "0.9.0"})
    ]
    assert codes == ["version.unchanged", "version.exists", "version.exists"]


async def test_a_number_that_is_none_is_refused(rest: Rest) -> None:
    await rest.push()
    bodies = [{"version": "one"}, {"version": 1}, {"version": "1" * 65}, {"version": "1.0.0\x00"}, {"activate": "yes"}]
    for body in bodies:
        response = await rest.ask("POST", VERSIONS, "write", json=body)
        assert response.status_code == 400, body


async def test_versions_are_listed_and_shown_with_their_content(rest: Rest) -> None:
    await rest.push()
    await save_draft(rest)
    await rest.ask("POST", VERSIONS, "write", json={"activate": True})
    listed = (await rest.ask("GET", VERSIONS, "read")).json()["data"]
    assert [version["version"] for version in listed] == ["1.0.1", "1.0.0"]
    shown = (await rest.ask("GET", VERSIONS + "/1.0.1", "read")).json()
    assert shown.items() >= listed[0].items()
    assert [(tool["slug"], tool["code"]) for tool in shown["tools"]] == [("greet", GREET + "# changed")]
    assert (await rest.ask("GET", VERSIONS + "/9.0.0", "read")).json()["code"] == "version.not_found"


async def test_two_versions_are_compared(rest: Rest) -> None:
    await rest.push()
    await save_draft(rest, description="More.")
    await rest.ask("POST", VERSIONS, "write", json={})
    diff = (await rest.ask("GET", VERSIONS + "/1.0.0/diff/1.0.1", "read")).json()
    assert diff == {
        "fromVersion": "1.0.0",
        "toVersion": "1.0.1",
        "added": [],
        "removed": ["fail"],
        "changed": diff["changed"],
        "toolSetFields": ["description"],
        "packages": [],
        "sandbox": [],
        "breaking": [{"tool": "fail", "pointer": "", "kind": "tool_removed", "detail": "the tool is gone"}],
    }
    [changed] = diff["changed"]
    assert (changed["tool"], changed["fields"]) == ("greet", ["code"])
    assert "+# changed" in changed["code"]
    draft = (await rest.ask("GET", VERSIONS + "/1.0.1/diff/draft", "read")).json()
    assert (draft["toVersion"], draft["changed"], draft["breaking"]) == ("draft", [], [])


async def test_activation_goes_forward_and_back(rest: Rest) -> None:
    await rest.push()
    await save_draft(rest)
    await rest.ask("POST", VERSIONS, "write", json={})
    for number in ("1.0.1", "1.0.0"):
        response = await rest.ask("PUT", TOOLSET + "/published-version", "write", json={"version": number})
        assert response.json()["publishedVersion"] == number
    unknown = await rest.ask("PUT", TOOLSET + "/published-version", "write", json={"version": "7.0.0"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "version.not_found")
    nothing = await rest.ask("PUT", TOOLSET + "/published-version", "write")
    assert (nothing.status_code, nothing.json()["code"]) == (400, "request.malformed")


async def test_a_deprecated_version_runs_and_warns(rest: Rest) -> None:
    await rest.push()
    marks = {"deprecated": True, "deprecationMessage": "Use 2.0.0."}
    marked = (await rest.ask("PATCH", VERSIONS + "/1.0.0", "write", json=marks)).json()
    assert (marked["deprecatedAt"], marked["deprecationMessage"]) == ("2026-11-21T12:00:00.000Z", "Use 2.0.0.")
    run = (await rest.ask("POST", TOOLSET + "/tools/greet/run", "execute", json={"name": "Al"})).json()
    assert (run["success"], run["warnings"]) == (True, ["Version 1.0.0 is deprecated: Use 2.0.0."])
    await rest.ask("PATCH", VERSIONS + "/1.0.0", "write", json={"deprecated": False})
    run = (await rest.ask("POST", TOOLSET + "/tools/greet/run", "execute", json={"name": "Al"})).json()
    assert "warnings" not in run


async def test_a_yanked_version_runs_only_when_pinned_until_that_is_taken_back(rest: Rest) -> None:
    await rest.push()
    run = TOOLSET + "/tools/greet/run"
    yanked = await rest.ask("PATCH", VERSIONS + "/1.0.0", "write", json={"yanked": True, "yankReason": "It leaks."})
    assert (yanked.json()["yankedAt"] is None, yanked.json()["yankReason"]) == (False, "It leaks.")
    assert (await rest.ask("GET", TOOLSET, "read")).json()["publishedVersion"] is None
    unpinned = await rest.ask("POST", run, "execute", json={"name": "Al"})
    assert (unpinned.status_code, unpinned.json()["code"]) == (404, "version.not_found")
    pinned = (await rest.ask("POST", run + "?version=1.0.0", "execute", json={"name": "Al"})).json()
    assert (pinned["success"], pinned["warnings"]) == (True, ["Version 1.0.0 is yanked: It leaks."])
    refused = await rest.ask("PUT", TOOLSET + "/published-version", "write", json={"version": "1.0.0"})
    assert (refused.status_code, refused.json()["code"]) == (409, "version.yanked")
    back = (await rest.ask("PATCH", VERSIONS + "/1.0.0", "write", json={"yanked": False})).json()
    assert (back["yankedAt"], back["yankReason"]) == (None, None)
    assert (
        await rest.ask("PUT", TOOLSET + "/published-version", "write", json={"version": "1.0.0"})
    ).status_code == 200
    assert (await rest.ask("POST", run, "execute", json={"name": "Al"})).status_code == 200


async def test_marks_that_are_none_are_refused(rest: Rest) -> None:
    await rest.push()
    bodies = [{"yanked": "yes"}, {"deprecationMessage": "x" * 1_001}, {"yankReason": "\x00"}, {"version": "2.0.0"}]
    for body in bodies:
        assert (await rest.ask("PATCH", VERSIONS + "/1.0.0", "write", json=body)).status_code == 400, body
    assert (await rest.ask("PATCH", VERSIONS + "/9.0.0", "write", json={})).json()["code"] == "version.not_found"
