"""Endings: the words and the durations of runs."""

from datetime import timedelta

from jinba_mcp.domain.endings import Ending
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.runs import Run, RunError, RunStatus
from tests.runs import NOON, a_run

WALLS = Isolation(provider="local", tier="pretended", level=Level.NONE)


def ending(run: Run) -> Ending:
    return Ending(**{name: getattr(run, name) for name in Ending._fields})


def ended(status: RunStatus, **fields: object) -> Ending:
    run = a_run(key_name="CI laptop", key_prefix="jtb_abcd", user_id="user_7", client="cursor 1.0")
    return ending(run.finished(status, at=NOON + timedelta(seconds=2), **fields))  # type: ignore[arg-type]  # its own


def test_a_run_is_found_by_its_tool_its_caller_and_its_error() -> None:
    words = ended(RunStatus.FAILED, error=RunError(name="ValueError", message="no such city")).words
    for word in (
        "text",
        "tools",
        "slugify",
        "ci",
        "laptop",
        "jtb",
        "abcd",
        "user",
        "7",
        "cursor",
        "valueerror",
        "city",
    ):
        assert word in words, word


def test_a_run_is_not_found_by_what_went_in_or_came_out() -> None:
    assert "hello" not in ended(RunStatus.SUCCESS, output="bye").words
    assert "bye" not in ended(RunStatus.SUCCESS, output="bye").words


def test_a_tool_that_never_ran_took_no_time() -> None:
    assert ended(RunStatus.SUCCESS, isolation=WALLS).tool_ms == 2_000
    assert ended(RunStatus.FAILED).tool_ms is None


def test_failing_is_failing_or_taking_too_long() -> None:
    failing = {status for status in RunStatus if status.is_final and ended(status).has_failed}
    assert failing == {RunStatus.FAILED, RunStatus.TIMEOUT}
