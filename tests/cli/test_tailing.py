"""Following runs: each once, and none left out, whatever order they come and end in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from jinba_mcp.cli.tailing import MAX_FIRST, OVERLAP, Tail
from jinba_mcp.client import NotFound
from jinba_mcp.client.calls import Page
from jinba_mcp.client.documents import Run
from jinba_mcp.client.runs import AsyncRuns

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class History:
    """A server's runs, which appear and end as a test says."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.asked: list[datetime | None] = []
        self.hidden = False

    def add(self, name: str, began_s: float, status: str = "success") -> None:
        at = (NOW + timedelta(seconds=began_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.runs[name] = {"id": name, "status": status, "createdAt": at, "finishedAt": at}

    def end(self, name: str, status: str = "success") -> None:
        self.runs[name]["status"] = status

    def _found(self, status: str | None = None, since: datetime | None = None, **_: object) -> list[Run]:
        found = [
            run
            for run in self.runs.values()
            if status in (None, run["status"]) and (since is None or datetime.fromisoformat(run["createdAt"]) >= since)
        ]
        return cast("list[Run]", [dict(run) for run in sorted(found, key=lambda run: run["createdAt"], reverse=True)])

    async def page(self, **wanted: Any) -> Page[Run]:
        if self.hidden:
            return {"data": [], "nextCursor": "more"}
        return {"data": self._found(**wanted)[: wanted["limit"]], "nextCursor": None}

    async def list(self, **wanted: Any) -> AsyncIterator[Run]:
        if "since" in wanted:
            self.asked.append(wanted["since"])
        for run in self._found(**wanted):
            yield run

    async def get(self, run_id: str) -> Run:
        if run_id not in self.runs:
            raise NotFound("gone", status=404, code="run.not_found", details={})
        return cast("Run", dict(self.runs[run_id]))


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def tail(history: History) -> Tail:
    return Tail(cast("AsyncRuns", history), {})


async def following(tail: Tail) -> list[str]:
    return [run["id"] for run in await tail.following()]


async def test_what_was_there_is_given_first_and_never_again(history: History, tail: Tail) -> None:
    history.add("a", 0)
    history.add("b", 1)
    assert [run["id"] for run in await tail.first(NOW)] == ["a", "b"]
    history.add("c", 2)
    assert await following(tail) == ["c"]
    assert await following(tail) == []


async def test_a_registry_without_a_run_gives_all_that_come(history: History, tail: Tail) -> None:
    assert await tail.first(NOW) == []
    history.add("a", -1_000)
    assert await following(tail) == ["a"]
    assert await following(tail) == []


async def test_a_run_is_given_when_it_has_ended_however_long_that_takes(history: History, tail: Tail) -> None:
    history.add("old", -7_200, "running")
    history.add("slow", 0, "pending")
    assert await tail.first(NOW) == []
    history.add("quick", 1)
    assert await following(tail) == ["quick"]
    history.end("slow", "running")
    history.add("later", 600)
    assert await following(tail) == ["later"]
    history.end("slow", "failed")
    history.end("old")
    assert await following(tail) == ["old", "slow"]
    assert await following(tail) == []


async def test_a_run_in_flight_behind_many_is_not_lost(history: History, tail: Tail) -> None:
    history.add("old", -7_200, "running")
    for number in range(MAX_FIRST):
        history.add(f"run-{number}", number)
    assert len(await tail.first(NOW)) == MAX_FIRST
    history.end("old")
    assert await following(tail) == ["old"]


async def test_a_run_that_is_listed_after_a_later_one_is_not_lost(history: History, tail: Tail) -> None:
    await tail.first(NOW)
    history.add("late", 10)
    assert await following(tail) == ["late"]
    history.add("early", 10 - OVERLAP.total_seconds())
    assert await following(tail) == ["early"]
    assert await following(tail) == []


async def test_what_is_looked_at_again_does_not_grow(history: History, tail: Tail) -> None:
    await tail.first(NOW)
    for second in range(0, 600, 60):
        history.add(f"run-{second:03}", second)
        assert await following(tail) == [f"run-{second:03}"]
    assert history.asked[-1] == NOW + timedelta(seconds=480) - OVERLAP
    assert len(tail._listed) == 1


async def test_a_run_that_is_deleted_while_in_flight_is_let_go(history: History, tail: Tail) -> None:
    history.add("gone", 0, "running")
    await tail.first(NOW)
    del history.runs["gone"]
    assert await following(tail) == []
    assert tail._flying == set()


async def test_a_key_that_sees_none_of_the_latest_begins_now(history: History, tail: Tail) -> None:
    history.add("old", -3_600)
    history.hidden = True
    await tail.first(NOW)
    history.add("new", 1)
    assert await following(tail) == ["new"]
