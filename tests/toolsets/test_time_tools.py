"""time-tools at the places where clocks and calendars go wrong."""

import datetime as dt
from typing import Any

import pytest

from tests.toolsets.running import ArgumentsRefused, RunTool, ToolFailed


async def test_now_names_one_instant_in_all_its_forms(run_tool: RunTool) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    result = await run_tool("time-tools", "now", zone="Asia/Kathmandu")
    local, utc = dt.datetime.fromisoformat(result["local"]), dt.datetime.fromisoformat(result["utc"])
    assert before <= local == utc <= dt.datetime.now(dt.UTC)
    assert result["unix_seconds"] == utc.timestamp()
    assert result["utc_offset"] == "+05:45"
    assert (result["date"], result["time"]) == (local.date().isoformat(), local.time().isoformat())
    assert (result["weekday"], result["day_of_year"]) == (local.strftime("%A"), int(local.strftime("%j")))
    assert result["iso_week"] == local.strftime("%G-W%V")


@pytest.mark.parametrize("zone", ["Europe/Berln", "../../etc/passwd", "/etc/passwd", "Europe", "\0", "CEST"])
async def test_an_unknown_zone_is_refused_with_a_hint(run_tool: RunTool, zone: str) -> None:
    with pytest.raises(ToolFailed, match="There is no IANA time zone"):
        await run_tool("time-tools", "now", zone=zone)


async def test_the_nearest_zone_is_offered(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match="Did you mean Europe/Berlin"):
        await run_tool("time-tools", "convert-timezone", time="2026-01-01T00:00", to_zone="Europe/Berln")


async def convert(run_tool: RunTool, time: str, source: str, target: str, **options: str) -> Any:
    return await run_tool("time-tools", "convert-timezone", time=time, from_zone=source, to_zone=target, **options)


async def test_conversion_follows_the_daylight_saving_of_that_date(run_tool: RunTool) -> None:
    # Between 8 and 29 March 2026 New York is on summer time and Berlin is not.
    march = await convert(run_tool, "2026-03-20T09:00", "America/New_York", "Europe/Berlin")
    april = await convert(run_tool, "2026-04-20T09:00", "America/New_York", "Europe/Berlin")
    assert (march["target"], march["difference_hours"]) == ("2026-03-20T14:00:00+01:00", 5)
    assert (april["target"], april["difference_hours"]) == ("2026-04-20T15:00:00+02:00", 6)
    assert march["note"] is None


async def test_conversion_may_change_the_day_and_have_odd_offsets(run_tool: RunTool) -> None:
    result = await convert(run_tool, "2024-02-28T20:00", "America/Los_Angeles", "Pacific/Chatham")
    assert result["target"] == "2024-02-29T17:45:00+13:45"
    assert (result["day_shift"], result["target_weekday"]) == (1, "Thursday")


async def test_a_time_in_the_gap_is_said_not_to_exist(run_tool: RunTool) -> None:
    result = await convert(run_tool, "2026-03-29T02:30", "Europe/Berlin", "UTC")
    assert "does not exist" in result["note"]
    assert (result["source"], result["utc"]) == ("2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00Z")


async def test_a_time_that_occurs_twice_can_be_chosen(run_tool: RunTool) -> None:
    first = await convert(run_tool, "2026-10-25T02:30", "Europe/Berlin", "UTC")
    second = await convert(run_tool, "2026-10-25T02:30", "Europe/Berlin", "UTC", fold="second")
    assert "occurs twice" in first["note"]
    assert (first["utc"], second["utc"]) == ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")


async def test_an_offset_wins_over_the_zone(run_tool: RunTool) -> None:
    result = await convert(run_tool, "2026-03-29T02:30:00-05:00", "Europe/Berlin", "Asia/Tokyo")
    assert (result["target"], result["note"]) == ("2026-03-29T16:30:00+09:00", None)


@pytest.mark.parametrize("time", ["0001-01-01T00:00", "9999-12-31T23:59"])
async def test_the_ends_of_the_calendar_are_named(run_tool: RunTool, time: str) -> None:
    with pytest.raises(ToolFailed, match="outside the years 1 to 9999"):
        await convert(run_tool, time, "Etc/GMT+12" if time[0] == "9" else "Etc/GMT-14", "UTC")


async def test_what_is_not_iso_is_sent_to_parse_time(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match="Use parse-time"):
        await convert(run_tool, "tomorrow at 5", "UTC", "UTC")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("12 March 2026 3pm", "2026-03-12T15:00:00+00:00"),
        ("March 12, 2026", "2026-03-12"),
        ("2026-03-12", "2026-03-12"),
        ("20260312", "2026-03-12"),
        ("2026-W11-4", "2026-03-12"),
        ("2026-03-12T00:00", "2026-03-12T00:00:00+00:00"),
        ("12 Mar 2026 12am", "2026-03-12T00:00:00+00:00"),
        ("Thu, 12 Mar 2026 15:00:00 +0100", "2026-03-12T15:00:00+01:00"),
        ("Thu 12 Mar 2026", "2026-03-12"),
        ("2026-03-12T15:00:00.25Z", "2026-03-12T15:00:00.250000+00:00"),
        ("29 Feb 2024", "2024-02-29"),
        ("1773327600", "2026-03-12T15:00:00+00:00"),
        ("1773327600000", "2026-03-12T15:00:00+00:00"),
        ("Jan 1 2000", "2000-01-01"),
    ],
)
async def test_written_dates_are_read(run_tool: RunTool, text: str, iso: str) -> None:
    result = await run_tool("time-tools", "parse-time", text=text)
    assert result["iso"] == iso
    assert (result["time"] is None) == ("T" not in iso)
    assert not result["ambiguous"]


async def test_an_ambiguous_date_is_read_in_the_order_asked_for(run_tool: RunTool) -> None:
    american = await run_tool("time-tools", "parse-time", text="03/04/2026")
    european = await run_tool("time-tools", "parse-time", text="03/04/2026", order="day-first")
    assert (american["date"], european["date"]) == ("2026-03-04", "2026-04-03")
    assert american["ambiguous"]
    assert not (await run_tool("time-tools", "parse-time", text="13/04/2026"))["ambiguous"]


async def test_a_zone_is_assumed_only_where_the_text_names_none(run_tool: RunTool) -> None:
    local = await run_tool("time-tools", "parse-time", text="12 July 2026 15:00", zone="Europe/Berlin")
    named = await run_tool("time-tools", "parse-time", text="12 July 2026 15:00 UTC", zone="Europe/Berlin")
    assert (local["iso"], local["zone_in_text"]) == ("2026-07-12T15:00:00+02:00", False)
    assert (named["utc"], named["zone_in_text"]) == ("2026-07-12T15:00:00Z", True)
    assert named["unix_seconds"] == local["unix_seconds"] + 7200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tomorrow", "cannot be read as a date"),
        ("29 Feb 2023", "cannot be read as a date"),
        ("2026-02-30", "cannot be read as a date"),
        ("12 March", "does not name a whole date"),
        ("15:30", "does not name a whole date"),
        ("2026", "does not name a whole date"),
        ("March 2026", "does not name a whole date"),
        ("12 March 2026 15:00 EST", "EST has several meanings"),
        ("9" * 100, "cannot be read as a date"),
        ("1" * 60 + ":" + "1" * 39, "cannot be read as a date"),
        (". " * 50, "cannot be read as a date"),
    ],
)
async def test_what_is_no_whole_date_says_why(run_tool: RunTool, text: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await run_tool("time-tools", "parse-time", text=text)


async def business(run_tool: RunTool, **arguments: Any) -> Any:
    return await run_tool("time-tools", "business-days", **arguments)


@pytest.mark.parametrize(
    ("arguments", "date"),
    [
        ({"start": "2026-03-12", "days": 1}, "2026-03-13"),
        ({"start": "2026-03-13", "days": 1}, "2026-03-16"),
        ({"start": "2026-03-14", "days": 1}, "2026-03-16"),
        ({"start": "2026-03-16", "days": -1}, "2026-03-13"),
        ({"start": "2024-02-28", "days": 2}, "2024-03-01"),
        ({"start": "2026-12-31", "days": 1}, "2027-01-01"),
        ({"start": "2026-12-31", "days": 1, "country": "de"}, "2027-01-04"),
        ({"start": "2026-04-02", "days": 1, "country": "DE"}, "2026-04-07"),
        ({"start": "2026-01-05", "days": 1, "country": "DE", "subdivision": "BY"}, "2026-01-07"),
        ({"start": "2026-01-05", "days": 1, "country": "DE", "subdivision": "BE"}, "2026-01-06"),
        ({"start": "2026-03-12", "days": 1, "weekend": ["fri", "sat"]}, "2026-03-15"),
        ({"start": "2026-03-14", "days": 1, "weekend": []}, "2026-03-15"),
        ({"start": "2026-03-12", "days": 0}, "2026-03-12"),
    ],
)
async def test_working_days_skip_weekends_and_holidays(run_tool: RunTool, arguments: dict[str, Any], date: str) -> None:
    result = await business(run_tool, **arguments)
    assert (result["date"], result["working_days"]) == (date, arguments["days"])


async def test_counting_between_dates_is_the_inverse_of_adding(run_tool: RunTool) -> None:
    added = await business(run_tool, start="2026-03-30", days=25, country="US")
    counted = await business(run_tool, start="2026-03-30", end=added["date"], country="US")
    back = await business(run_tool, start=added["date"], end="2026-03-30", country="US")
    assert counted == added
    assert back["working_days"] == -25
    assert back["calendar_days"] == -added["calendar_days"]


async def test_the_holidays_that_were_skipped_are_named(run_tool: RunTool) -> None:
    result = await business(run_tool, start="2026-04-01", end="2026-04-06", country="DE")
    assert [day["date"] for day in result["holidays"]] == ["2026-04-03", "2026-04-06"]
    assert (result["working_days"], result["is_working_day"], result["weekday"]) == (1, False, "Monday")
    assert all(day["name"] for day in result["holidays"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either 'days'"),
        ({"days": 1, "end": "2026-03-13"}, "either 'days'"),
        ({"days": 1, "country": "XX"}, "No holidays are known for the country 'XX'"),
        ({"days": 1, "country": "DE", "subdivision": "ZZ"}, "'ZZ' is no subdivision of DE; there are: .*BY"),
        ({"days": 1, "subdivision": "BY"}, "needs 'country'"),
        ({"end": "2500-01-01"}, "1950-01-01 to 2100-12-31"),
        ({"days": 10_000, "weekend": ["mon", "tue", "wed", "thu", "fri", "sat"]}, "1950-01-01 to 2100-12-31"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(
    run_tool: RunTool, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolFailed, match=message):
        await business(run_tool, start="2026-03-12", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"start": "2026-02-30", "days": 1},
        {"start": "12 March", "days": 1},
        {"start": "2026-03-12", "days": 10_001},
        {"start": "2026-03-12", "days": 1, "weekend": ["fri", "noday"]},
        {"start": "2026-03-12", "days": 1, "country": "Germany"},
    ],
)
async def test_arguments_that_are_no_dates_are_refused(run_tool: RunTool, arguments: dict[str, Any]) -> None:
    with pytest.raises((ArgumentsRefused, ToolFailed)):
        await business(run_tool, **arguments)


async def next_times(run_tool: RunTool, expression: str, after: str, zone: str = "UTC", count: int = 3) -> list[str]:
    result = await run_tool("time-tools", "cron-next", expression=expression, after=after, zone=zone, count=count)
    return [time["local"] for time in result["times"]]


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("30 9 * * MON-FRI", ["2026-03-13T09:30", "2026-03-16T09:30", "2026-03-17T09:30"]),
        ("0 0 L * *", ["2026-03-31T00:00", "2026-04-30T00:00", "2026-05-31T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("0 12 * * FRI#2", ["2026-03-13T12:00", "2026-04-10T12:00", "2026-05-08T12:00"]),
        ("0 0 13 * FRI", ["2026-03-13T00:00", "2026-03-20T00:00", "2026-03-27T00:00"]),
        ("*/25 23 31 12 *", ["2026-12-31T23:00", "2026-12-31T23:25", "2026-12-31T23:50"]),
    ],
)
async def test_cron_times(run_tool: RunTool, expression: str, times: list[str]) -> None:
    found = await next_times(run_tool, expression, "2026-03-12T12:00")
    assert found == [f"{time}:00+00:00" for time in times]


async def test_cron_counts_seconds_and_starts_after_not_at(run_tool: RunTool) -> None:
    found = await next_times(run_tool, "*/30 * * * * *", "2026-03-12T12:00:00", count=2)
    assert found == ["2026-03-12T12:00:30+00:00", "2026-03-12T12:01:00+00:00"]


async def test_cron_runs_once_across_a_clock_change(run_tool: RunTool) -> None:
    spring = await next_times(run_tool, "30 2 * * *", "2026-03-28T12:00", "Europe/Berlin", 2)
    autumn = await next_times(run_tool, "30 2 * * *", "2026-10-24T12:00", "Europe/Berlin", 2)
    assert spring == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert autumn == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


async def test_cron_starts_now_and_says_what_the_schedule_means(run_tool: RunTool) -> None:
    now = dt.datetime.now(dt.UTC)
    result = await run_tool("time-tools", "cron-next", expression="0 9 * * 1", count=1)
    assert now < dt.datetime.fromisoformat(result["times"][0]["utc"]) <= now + dt.timedelta(days=8)
    assert result["times"][0]["weekday"] == "Monday"
    assert "Monday" in result["meaning"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 */40 * MON#5", "does not fire within 50 years"),
        ("60 * * * *", "Bad minute"),
        ("* * * * * * *", "Wrong number of fields"),
        ("*/0 * * * *", "Bad minute"),
        ("* * 1-2/L * *", "Bad day-of-month"),
        ("* * L-3,LW * * ", "Bad day-of-month"),
        ("* * * * L,#,/", "Bad day-of-week"),
        ("@midnight is nice", "Wrong number of fields"),
        ("9" * 200, "Wrong number of fields"),
    ],
)
async def test_a_cron_that_is_none_says_why(run_tool: RunTool, expression: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await next_times(run_tool, expression, "2026-03-12T12:00")


@pytest.mark.parametrize("after", ["9999-12-31T23:00", "soon"])
async def test_a_start_that_cannot_be_used_says_why(run_tool: RunTool, after: str) -> None:
    with pytest.raises(ToolFailed, match=r"leaves the years|not an ISO 8601 time"):
        await next_times(run_tool, "0 0 * * *", after)


async def test_the_rarest_schedule_is_found_in_time(run_tool: RunTool) -> None:
    found = await next_times(run_tool, "0 0 29 2 */7", "2026-03-12T12:00", "Europe/Berlin", 50)
    assert found[0] == "2032-02-29T00:00:00+01:00"
