"""Idempotency keys, cancelling and replaying over REST."""

import anyio
import anyio.to_thread

from jinba_mcp.domain.sources import SourceTool
from tests.faces.rest.conftest import Rest
from tests.faces.rest.documented import document
from tests.faces.rest.test_runs import WAITING, begun, release

RUN = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
RUNS = "/v1/orgs/default/runs"


async def test_a_repeat_is_answered_with_the_first_run_and_says_so(rest: Rest) -> None:
    await rest.push()
    headers = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = await rest.ask("POST", RUN, "execute", json={"name": "Al"}, headers=headers)
    again = await rest.ask("POST", RUN, "execute", json={"input": {"name": "Al"}}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    listed = (await rest.ask("GET", RUNS, "read")).json()["data"]
    assert [run["id"] for run in listed] == [first.json()["id"]]


async def test_a_key_that_stands_for_another_call_is_a_conflict(rest: Rest) -> None:
    await rest.push()
    headers = {"Idempotency-Key": "one"}
    first = await rest.ask("POST", RUN, "execute", json={"name": "Al"}, headers=headers)
    other = await rest.ask("POST", RUN, "execute", json={"name": "Bo"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key.reused")
    assert other.json()["runId"] == first.json()["id"]
    public = RUN.replace("/orgs/default/toolsets", "/public/default")
    same = await rest.ask("POST", public, "execute", json={"name": "Al"}, headers=headers)
    assert same.json()["id"] == first.json()["id"]


async def test_a_key_that_is_too_long_is_refused_by_name(rest: Rest) -> None:
    await rest.push()
    answer = await rest.ask("POST", RUN, "execute", json={"name": "Al"}, headers={"Idempotency-Key": "k" * 256})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "Idempotency-Key")


def test_the_header_is_documented_where_it_works() -> None:
    paths = [
        path
        for path, operations in document()["paths"].items()
        for operation in operations.values()
        if any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
    ]
    assert len(paths) == 3
    assert all("/run" in path for path in paths)


async def test_a_run_is_replayed_and_linked(rest: Rest) -> None:
    await rest.push()
    first = (await rest.ask("POST", RUN, "execute", json={"name": "Al"})).json()
    again = await rest.ask("POST", f"{RUNS}/{first['id']}/replay", "execute")
    assert again.status_code == 200
    record = (await rest.ask("GET", f"{RUNS}/{again.json()['id']}", "read")).json()
    assert (record["source"], record["replayOf"], record["output"]) == ("replay", first["id"], first["output"])


async def test_what_cannot_be_replayed_or_cancelled_is_a_conflict_that_says_why(rest: Rest) -> None:
    await rest.push()
    tested = (await rest.ask("POST", RUN.replace("/run", "/test"), "write", "execute", json={"name": "Al"})).json()
    answers = [await rest.ask("POST", f"{RUNS}/{tested['id']}/{verb}", "execute") for verb in ("replay", "cancel")]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert [answer.json()["code"] for answer in answers] == ["run.not_replayable", "run.ended"]
    assert "draft" in answers[0].json()["detail"]
    assert "success" in answers[1].json()["detail"]


async def test_runs_of_nobody_are_not_found(rest: Rest) -> None:
    for verb in ("replay", "cancel"):
        answer = await rest.ask("POST", f"{RUNS}/run_nothing/{verb}", "execute")
        assert (answer.status_code, answer.json()["code"]) == (404, "run.not_found")


async def test_a_run_in_flight_is_cancelled_and_both_who_wait_are_told(rest: Rest) -> None:
    begun.clear()
    release.clear()
    await rest.push("slow", tools=(SourceTool(slug="wait", code=WAITING),))
    answers = []

    async def call() -> None:
        answers.append(await rest.ask("POST", "/v1/orgs/default/toolsets/slow/tools/wait/run", "execute", json={}))

    try:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await anyio.to_thread.run_sync(begun.wait, 60)
                (run,) = (await rest.ask("GET", RUNS, "read", params={"status": "running"})).json()["data"]
                answers.append(await rest.ask("POST", f"{RUNS}/{run['id']}/cancel", "execute"))
    finally:
        release.set()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [(answer.json()["id"], answer.json()["status"]) for answer in answers] == [(run["id"], "cancelled")] * 2
    assert [answer.json()["error"]["name"] for answer in answers] == ["Cancelled", "Cancelled"]
