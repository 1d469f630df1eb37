"""Runs through the client."""

from datetime import timedelta

import pytest

from jinba_mcp.client import Conflict, Invalid
from jinba_mcp.client.runs import run
from tests.client.conftest import Open
from tests.faces.rest.conftest import Rest


async def test_a_tool_that_fails_is_an_answer(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("execute") as jinba:
        result = await jinba.run("greeting-tools", "fail")
    assert (result["success"], result["status"]) == (False, "failed")
    assert result["error"] is not None
    assert result["error"]["message"] == "no luck"


async def test_arguments_that_do_not_fit_are_an_error_with_each_fault(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("execute") as jinba:
        with pytest.raises(Invalid) as refused:
            await jinba.run("greeting-tools", "greet", {"nam": "Al"})
    assert refused.value.code == "arguments.invalid"
    assert refused.value.details["errors"]
    assert refused.value.details["runId"].startswith("run_")


async def test_a_run_under_a_key_happens_once(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("execute") as jinba:
        first = await jinba.run("greeting-tools", "greet", {"name": "Al"}, idempotency_key="k1")
        again = await jinba.run("greeting-tools", "greet", {"name": "Al"}, idempotency_key="k1")
        other = await jinba.run("greeting-tools", "greet", {"name": "Al"})
        assert (again["runId"] == first["runId"], other["runId"] == first["runId"]) == (True, False)
        with pytest.raises(Conflict) as refused:
            await jinba.run("greeting-tools", "greet", {"name": "Bo"}, idempotency_key="k1")
    assert refused.value.details["runId"] == first["runId"]


async def test_an_argument_called_input_is_an_argument(rest: Rest, opened: Open) -> None:
    from jinba_mcp.domain.sources import SourceTool  # noqa: PLC0415  for this one only

    await rest.push(tools=(SourceTool(slug="echo", code="def run(input: dict) -> dict:\n    return input\n"),))
    async with opened("execute") as jinba:
        result = await jinba.run("greeting-tools", "echo", {"input": {"a": 1}})
    assert result["output"] == {"a": 1}


async def test_a_public_toolset_of_another_organization_is_run(rest: Rest, opened: Open) -> None:
    await rest.push("their-tools", "other")
    async with opened("execute") as jinba:
        result = await jinba.run("their-tools", "greet", {"name": "Al"}, organization="other", is_public=True)
    assert result["output"] == {"greeting": "Hello, Al!"}
    with pytest.raises(ValueError, match="organization"):
        run("their-tools", "greet", is_public=True)


async def test_runs_are_listed_page_by_page_replayed_and_counted(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("read", "execute") as jinba:
        for name in ("Al", "Bo", "Cy"):
            rest.clock.advance(seconds=1)
            await jinba.run("greeting-tools", "greet", {"name": name}, version="1.0.0")
        since, until = rest.clock() - timedelta(hours=1), rest.clock() + timedelta(hours=1)
        listed = [each["input"]["name"] async for each in jinba.runs.list(tool="greet", since=since, limit=1)]
        assert listed == ["Cy", "Bo", "Al"]
        assert [each async for each in jinba.runs.list(until=since)] == []
        first = await jinba.runs.page(limit=2)
        second = await jinba.runs.page(limit=2, cursor=first["nextCursor"])
        assert [each["input"]["name"] for each in second["data"]] == ["Al"]
        (latest, *_) = first["data"]
        rest.clock.advance(seconds=1)
        replayed = await jinba.runs.replay(latest["runId"])
        assert (replayed["replayOf"], replayed["input"]) == (latest["runId"], {"name": "Cy"})
        with pytest.raises(Conflict) as refused:
            await jinba.runs.cancel(replayed["runId"])
        assert refused.value.code == "run.ended"
        counted = await jinba.runs.statistics(by="hour", since=since, until=until)
    assert [(tool["toolSlug"], tool["count"]) for tool in counted["tools"]] == [("greet", 4)]
