"""Options that several commands share: their values, and those that say where a command works."""

import importlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from jinba_mcp.cli import NOUNS
from jinba_mcp.cli.options import OnMachine, duration_s, instant
from jinba_mcp.cli.output import Misused
from tests.cli.conftest import Jinba

ON_SERVERS = {"audit", "credits", "env", "keys", "members", "orgs", "runs", "tools", "toolsets", "webhooks"}
WHERE = {"--url", "--profile", "--local"}

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert duration_s("--overlap", text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "h", "-1h", "1.5h", "1y", "1h30m", "9999999999d", "\N{ARABIC-INDIC DIGIT ONE}h"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(Misused, match="--overlap"):
        duration_s("--overlap", text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30d", NOW + timedelta(days=30)),
        ("2027-01-01T00:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T00:00:00+02:00", datetime(2026, 12, 31, 22, tzinfo=UTC)),
    ],
)
def test_an_instant_is_a_time_with_a_zone_or_a_duration_from_now(text: str, at: datetime) -> None:
    assert instant("--expires", text, NOW) == at


def test_a_duration_may_count_backwards() -> None:
    assert instant("--since", "1h", NOW, is_past=True) == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-01-01", "2027-01-01T00:00:00", "999999999d", "2027-13-01T00:00Z"]
)
def test_anything_else_is_no_instant(text: str) -> None:
    with pytest.raises(Misused, match="--expires"):
        instant("--expires", text, NOW)


def commands_of(noun: str) -> dict[str, Any]:
    module = importlib.import_module(f"jinba_mcp.cli.{noun.replace('-', '_')}")
    return getattr(typer.main.get_command(module.app), "commands", {})


@pytest.mark.parametrize("noun", sorted(ON_SERVERS))
def test_a_command_says_where_it_works_unless_it_is_the_machines(noun: str) -> None:
    commands = commands_of(noun)
    assert commands
    for name, command in commands.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert WHERE & options == (set() if isinstance(command, OnMachine) else WHERE), name


@pytest.mark.parametrize("noun", sorted(NOUNS.keys() - ON_SERVERS))
def test_other_nouns_are_of_this_machine(noun: str) -> None:
    for name, command in commands_of(noun).items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert WHERE & options == set(), name


def test_the_options_stand_in_the_help_of_a_command(jinba: Jinba) -> None:
    shown = jinba("env", "list", "--help").out
    assert all(option in shown for option in WHERE)
    assert not any(option in jinba("env", "rotate", "--help").out for option in WHERE)


def test_a_command_of_the_machine_takes_none_and_says_that_it_works_here(
    jinba: Jinba, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jinba("env", "rotate", "--url", "http://127.0.0.1:9").code == 2
    monkeypatch.setenv("JINBA_URL", "http://127.0.0.1:9")
    assert jinba("env", "rotate").err == "On the registry of this machine, not on http://127.0.0.1:9.\n"
    assert jinba("env", "rotate", "--json").err == ""
