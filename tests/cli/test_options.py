"""Values of options that several commands share."""

from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.cli.options import duration_s, instant
from jinba_mcp.cli.output import Misused

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
