"""Whether to ask again, and when."""

from datetime import UTC, datetime

import pytest

from jinba_mcp.client.retries import Retries, retry_after_s

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("9" * 5000, 999_999_999.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:01:00 -0000", 60.0),
        ("Sat, 99 Nov 2026 12:01:00 GMT", None),
        (f"Sat, 21 Nov {'9' * 30} 12:01:00 GMT", None),
        (f"Sat, 21 Nov 2026 12:01:00 +{'9' * 30}", None),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_delays_grow_to_the_longest_and_differ_by_chance() -> None:
    retries = Retries(first_s=1, longest_s=8)
    for repeat, longest in enumerate([1, 2, 4, 8, 8]):
        delays = {retries.delay_s(repeat) for _ in range(50)}
        assert len(delays) > 1
        assert all(longest / 2 <= delay <= longest for delay in delays)
    assert retries.delay_s(100_000) <= 8


def test_a_delay_is_never_less_than_the_server_asks_for() -> None:
    assert Retries(longest_s=8).delay_s(0, 30.0) == 30.0


@pytest.mark.parametrize("terms", [{"count": -1}, {"first_s": 0}, {"first_s": 9, "longest_s": 8}])
def test_terms_that_make_no_sense_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retries"):
        Retries(**terms)  # type: ignore[arg-type]  # numbers all
