"""Running tools over REST, in both forms of the body, and finding the runs again."""

import threading
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.content import Text
from jinba_mcp.domain.sources import SourceTool
from tests.faces.rest.conftest import ECHO, Rest, Serve

RUN = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
RUNS = "/v1/orgs/default/runs"

begun = threading.Event()
release = threading.Event()

WAITING = """
def run() -> dict:
    from tests.faces.rest.test_runs import begun, release
    begun.set()
    release.wait(60)
    return {}
"""
CONTENT = """
from jinba_mcp.authoring import Text
def run():
    return Text(text="look")
"""


async def last_run(rest: Rest) -> dict[str, Any]:
    found: dict[str, Any] = (await rest.ask("GET", RUNS, "read", params={"limit": 1})).json()["data"][0]
    return found


async def test_the_whole_body_is_the_arguments(serve: Serve, sqlite_url: str) -> None:
    # Served in the test itself, because pytest sets other streams for its fixtures.
    async with serve(sqlite_url) as rest:
        await rest.push()
        response = await rest.ask("POST", RUN, "execute", json={"name": "Alice"})
    result = response.json()
    assert response.status_code == 200
    assert result == {
        "runId": result["id"],
        "id": result["runId"],
        "version": "1.0.0",
        "status": "success",
        "success": True,
        "output": {"greeting": "Hello, Alice!"},
        "error": None,
        "logs": {"stdout": ["greeting Alice"], "stderr": []},
        "durationMs": 0,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"input": {"name": "Bo"}},
        {"input": {"name": "Bo"}, "version": "1.0.0"},
        {"input": {"name": "Bo"}, "version": None},
    ],
)
async def test_an_envelope_is_told_from_arguments(rest: Rest, body: dict[str, Any]) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN, "execute", json=body)
    assert response.json()["output"] == {"greeting": "Hello, Bo!"}


@pytest.mark.parametrize(
    "body",
    [{"input": "text"}, {"version": "9"}, {"input": {"a": 1}, "more": 2}, {"input": [1], "version": "1.0.0"}, {}],
)
async def test_what_is_no_envelope_goes_to_the_tool_as_it_is(rest: Rest, body: dict[str, Any]) -> None:
    schema = {"type": "object"}
    await rest.push("echo", tools=(SourceTool(slug="greet", code=ECHO, input_schema=schema),))
    response = await rest.ask("POST", RUN.replace("greeting-tools", "echo"), "execute", json=body)
    run = await rest.ask("GET", f"{RUNS}/{response.json()['runId']}", "read")
    assert run.json()["input"] == body


async def test_no_body_at_all_means_no_arguments(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN.replace("greet/run", "fail/run"), "execute")
    assert response.status_code == 200
    assert (await last_run(rest))["input"] == {}


async def test_a_version_is_pinned_by_query_or_envelope(rest: Rest) -> None:
    await rest.push()
    changed = "def run(name: str) -> dict:\n    return {'greeting': 'new'}"
    await rest.push(tools=(SourceTool(slug="greet", code=changed),))
    body = {"name": "Al"}
    active = await rest.ask("POST", RUN, "execute", json=body)
    by_query = await rest.ask("POST", RUN + "?version=1.0.0", "execute", json=body)
    by_envelope = await rest.ask("POST", RUN, "execute", json={"input": body, "version": "1.0.0"})
    both = await rest.ask("POST", RUN + "?version=1.0.0", "execute", json={"input": body, "version": "1.0.0"})
    assert [r.json()["version"] for r in (active, by_query, by_envelope, both)] == ["1.0.1", "1.0.0", "1.0.0", "1.0.0"]


async def test_two_versions_in_one_request_are_refused(rest: Rest) -> None:
    await rest.push()
    body = {"input": {"name": "Al"}, "version": "1.0.0"}
    response = await rest.ask("POST", RUN + "?version=1.0.1", "execute", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/version"


async def test_a_version_that_is_no_text_is_refused(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN, "execute", json={"input": {"name": "Al"}, "version": 1})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/version"


async def test_a_failing_tool_is_an_answer(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN.replace("greet/run", "fail/run"), "execute", json={})
    result = response.json()
    assert response.status_code == 200
    assert (result["success"], result["status"], result["output"]) == (False, "failed", None)
    assert (result["error"]["name"], result["error"]["message"]) == ("RuntimeError", "no luck")


async def test_rich_content_comes_beside_the_output(rest: Rest) -> None:
    await rest.push(tools=(SourceTool(slug="greet", code=CONTENT, input_schema={"type": "object"}),))
    response = await rest.ask("POST", RUN, "execute", json={})
    assert response.json()["content"] == [Text(text="look").model_dump()]


async def test_refused_arguments_name_each_fault_and_the_recorded_run(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN, "execute", json={"name": 5})
    problem = response.json()
    assert response.status_code == 400
    assert problem["code"] == "arguments.invalid"
    assert problem["errors"][0]["pointer"] == "/name"
    run = (await rest.ask("GET", f"{RUNS}/{problem['runId']}", "read")).json()
    assert (run["status"], run["error"]["name"], run["input"]) == ("failed", "ArgumentsInvalid", {"name": 5})


async def test_a_run_record_has_all_that_was_known_of_the_call(rest: Rest) -> None:
    await rest.push()
    headers = {"User-Agent": "agent/1 " + "x" * 300, "X-Request-Id": "req-1"}
    result = (await rest.ask("POST", RUN, "execute", json={"name": "Al"}, headers=headers)).json()
    record = (await rest.ask("GET", f"{RUNS}/{result['runId']}", "read")).json()
    key = (await rest.ask("GET", "/v1/me", "execute")).json()["key"]
    assert record == {
        **result,
        "isolation": {"provider": "inprocess", "tier": "thread", "level": "none", "weaker": []},
        "toolSetSlug": "greeting-tools",
        "toolSlug": "greet",
        "versionDigest": record["versionDigest"],
        "input": {"name": "Al"},
        "source": "rest",
        "keyId": key["id"],
        "keyName": "test",
        "keyPrefix": key["prefix"],
        "userId": None,
        "client": headers["User-Agent"][:200],
        "requestId": "req-1",
        "replayOf": None,
        "createdAt": "2026-11-21T12:00:00.000Z",
        "startedAt": "2026-11-21T12:00:00.000Z",
        "finishedAt": "2026-11-21T12:00:00.000Z",
    }


async def test_runs_are_listed_in_pages_newest_first(rest: Rest) -> None:
    await rest.push()
    made = []
    for _ in range(5):
        rest.clock.advance(seconds=1)
        made.append((await rest.ask("POST", RUN, "execute", json={"name": "Al"})).json()["runId"])
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await rest.ask("GET", RUNS, "read", params=params)).json()
        seen += [run["runId"] for run in page["data"]]
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]
    assert seen == made[::-1]


async def test_runs_are_filtered(rest: Rest) -> None:
    await rest.push()
    await rest.ask("POST", RUN, "execute", json={"name": "Al"})
    rest.clock.advance(hours=1)
    await rest.ask("POST", RUN.replace("greet/run", "fail/run"), "execute", json={})
    key = (await rest.ask("GET", "/v1/me", "execute")).json()["key"]["id"]

    async def tools(**params: str) -> list[str]:
        response = await rest.ask("GET", RUNS, "read", params=params)
        return [run["toolSlug"] for run in response.json()["data"]]

    assert await tools(status="success") == ["greet"]
    assert await tools(tool="fail") == ["fail"]
    assert await tools(toolset="another") == []
    assert await tools(version="1.0.0", source="rest", keyId=key) == ["fail", "greet"]
    assert await tools(since="2026-11-21T13:00:00Z") == ["fail"]
    assert await tools(until="2026-11-21T14:00:00+01:00") == ["greet"]


async def test_a_public_tool_runs_for_a_stranger_by_both_paths(rest: Rest) -> None:
    await rest.push(organization="other")
    for path in ("run/greet", "tools/greet/run"):
        response = await rest.ask("POST", f"/v1/public/other/greeting-tools/{path}", "execute", json={"name": "Al"})
        assert response.json()["output"] == {"greeting": "Hello, Al!"}
    assert (await last_run(rest))["source"] == "rest"


async def test_a_private_tool_does_not_exist_for_a_stranger(rest: Rest) -> None:
    await rest.push("secret-tools", organization="other", listing={})
    response = await rest.ask("POST", "/v1/public/other/secret-tools/run/greet", "execute", json={"name": "Al"})
    assert response.status_code == 404
    own_path = await rest.ask(
        "POST", "/v1/orgs/other/toolsets/secret-tools/tools/greet/run", "execute", json={"name": "Al"}
    )
    assert own_path.status_code == 404


async def test_a_read_key_cannot_run_a_tool(rest: Rest) -> None:
    await rest.push()
    response = await rest.ask("POST", RUN, "read", json={"name": "Al"})
    problem = response.json()
    assert response.status_code == 403
    assert (problem["required"], problem["held"]) == ("execute", ["read"])


@pytest.mark.parametrize(("path", "code"), [
    (RUN.replace("greet/run", "nothing/run"), "tool.not_found"),
    (RUN.replace("greeting-tools", "nothing"), "toolset.not_found"),
    (RUN.replace("default", "nothing"), "organization.not_found"),
    (RUN + "?version=7.0.0", "version.not_found"),
])  # fmt: skip
async def test_what_is_unknown_is_named(rest: Rest, path: str, code: str) -> None:
    await rest.push()
    response = await rest.ask("POST", path, "execute", json={"name": "Al"})
    assert (response.status_code, response.json()["code"]) == (404, code)


async def test_an_unknown_run_is_not_found(rest: Rest) -> None:
    response = await rest.ask("GET", RUNS + "/run_nothing", "read")
    assert (response.status_code, response.json()["code"]) == (404, "run.not_found")


async def test_a_client_that_hangs_up_cancels_its_run(rest: Rest) -> None:
    begun.clear()
    release.clear()
    await rest.push("slow", tools=(SourceTool(slug="wait", code=WAITING),))
    secret = await rest.secret("execute")
    path = "/v1/orgs/default/toolsets/slow/tools/wait/run"
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {secret}".encode())],
        "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    body = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        if body:
            return body.pop()
        await anyio.to_thread.run_sync(begun.wait, 60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        with anyio.fail_after(60):
            await rest.app(scope, receive, send)
    finally:
        release.set()
    record = await last_run(rest)
    assert (record["status"], record["error"]["name"]) == ("cancelled", "Cancelled")
    assert sent[0]["status"] == 499


async def test_the_draft_is_tried_and_recorded_as_a_test(rest: Rest) -> None:
    await rest.push()
    answer = await rest.ask("POST", RUN.replace("/run", "/test"), "write", "execute", json={"input": {"name": "Al"}})
    result = answer.json()
    assert (answer.status_code, result["success"], result["version"]) == (200, True, "draft")
    record = (await rest.ask("GET", f"{RUNS}/{result['runId']}", "read")).json()
    assert (record["source"], record["status"]) == ("test", "success")


async def test_a_test_has_no_version(rest: Rest) -> None:
    await rest.push()
    body = {"input": {"name": "Al"}, "version": "1.0.0"}
    answer = await rest.ask("POST", RUN.replace("/run", "/test"), "write", "execute", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/version")
