"""History: statistics of what ran. What is listed is tested in `test_runs.py`."""

from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.core import history
from jinba_mcp.domain.errors import FieldsInvalid, OrganizationNotFound, ScopeMissing
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tallies import By, StatisticsFilter
from tests.worlds import GREET, World

TOOLS = {"greet": GREET, "fail": "def run() -> dict:\n    raise RuntimeError('no luck')"}


async def used(world: World) -> None:
    """Three runs of `greet` and, the hour after, one of it and one of `fail`."""
    await world.publish(**TOOLS)
    for _ in range(3):
        await world.call(world.operator, name="Al")
    world.clock.advance(hours=1)
    await world.call(world.operator, name="Al")
    await world.call(world.operator, "greeting-tools/fail")


async def test_tools_are_counted_by_the_hour_the_busiest_first(world: World) -> None:
    await used(world)
    found = await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=By.HOUR))
    assert [(tool.tool_slug, tool.count, tool.failed_count, tool.failure_rate) for tool in found.tools] == [
        ("greet", 4, 0, 0.0), ("fail", 1, 1, 1.0),
    ]  # fmt: skip
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert [(point.at, point.count) for point in found.tools[0].points] == [(noon, 3), (noon + timedelta(hours=1), 1)]
    assert found.tools[0].p50_ms is not None
    assert found.is_complete


async def test_days_filters_and_bounds_hold(world: World) -> None:
    await used(world)
    ask = world.core.history.statistics
    by_day = await ask(world.operator, "default", StatisticsFilter(by=By.DAY, tool="greet"))
    assert [(tool.tool_slug, [point.count for point in tool.points]) for tool in by_day.tools] == [("greet", [4])]
    late = await ask(
        world.operator,
        "default",
        StatisticsFilter(by=By.HOUR, since=world.clock(), until=world.clock() + timedelta(hours=1)),
    )
    assert [(tool.tool_slug, tool.count) for tool in late.tools] == [("fail", 1), ("greet", 1)]
    early = await ask(world.operator, "default", StatisticsFilter(by=By.HOUR, until=world.clock()))
    assert [(tool.tool_slug, tool.count) for tool in early.tools] == [("greet", 3)]
    assert (await ask(world.operator, "default", StatisticsFilter(by=By.HOUR, version="7.0.0"))).tools == ()
    assert (await ask(world.operator, "default", StatisticsFilter(by=By.HOUR, toolset="another"))).tools == ()


@pytest.mark.parametrize(("by", "days"), [(By.HOUR, 91), (By.DAY, 91), (By.DAY, -1)])
async def test_a_time_too_long_or_backwards_is_refused(world: World, by: By, days: int) -> None:
    since = world.clock() - timedelta(days=days)
    with pytest.raises(FieldsInvalid):
        await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=by, since=since))


async def test_the_longest_time_is_answered(world: World) -> None:
    await used(world)
    since = world.clock() - timedelta(days=90)
    assert (
        await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=By.DAY, since=since))
    ).tools != ()


async def test_one_tool_is_answered_by_the_hour_for_two_months(world: World) -> None:
    await used(world)
    world.clock.advance(days=60)
    wanted = StatisticsFilter(by=By.HOUR, since=world.clock() - timedelta(days=61), tool="greet")
    found = await world.core.history.statistics(world.operator, "default", wanted)
    assert [[point.count for point in tool.points] for tool in found.tools] == [[3, 1]]


@pytest.mark.parametrize("by", By)
async def test_statistics_may_end_where_time_begins(world: World, by: By) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    wanted = StatisticsFilter(by=by, until=first + timedelta(hours=5))
    found = await world.core.history.statistics(world.operator, "default", wanted)
    assert (found.since, found.tools) == (first, ())


async def test_an_answer_that_would_be_too_long_is_refused_with_what_to_ask_instead(world: World) -> None:
    await used(world)
    ask = world.core.history.statistics
    since = world.clock() - timedelta(days=40)
    with pytest.raises(FieldsInvalid) as caught:
        await ask(world.operator, "default", StatisticsFilter(by=By.HOUR, since=since))
    said = "for 2 tools is up to 1,922 points, and one answer has at most 1,600: ask by day, for a shorter time, or for"
    assert said in str(caught.value.details["errors"])
    for easier in ({"by": By.DAY}, {"tool": "greet"}, {"since": world.clock() - timedelta(days=30)}):
        wanted = StatisticsFilter.model_validate({"by": By.HOUR, "since": since, **easier})
        assert (await ask(world.operator, "default", wanted)).tools != ()


async def test_as_many_tools_as_are_shown_are_answered_without_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await used(world)
    monkeypatch.setattr(history, "MAX_POINTS", history.MAX_POINTS * 2 // history.MAX_TOOLS)
    for by in By:
        assert len((await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=by))).tools) == 2


async def test_more_tools_than_are_shown_are_said_to_be_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await used(world)
    monkeypatch.setattr(history, "MAX_TOOLS", 1)
    found = await world.core.history.statistics(world.operator, "default", StatisticsFilter(by=By.HOUR))
    assert ([tool.tool_slug for tool in found.tools], found.is_complete) == (["greet"], False)


async def test_a_key_sees_the_statistics_of_its_tools_only(world: World) -> None:
    await used(world)
    narrowed = await world.key(Scope.READ, tools=("greeting-tools/fail",))
    found = await world.core.history.statistics(narrowed, "default", StatisticsFilter(by=By.HOUR))
    assert [tool.tool_slug for tool in found.tools] == ["fail"]
    with pytest.raises(ScopeMissing):
        await world.core.history.statistics(await world.key(Scope.EXECUTE), "default", StatisticsFilter(by=By.HOUR))
    with pytest.raises(OrganizationNotFound):
        await world.core.history.statistics(narrowed, "other", StatisticsFilter(by=By.HOUR))
