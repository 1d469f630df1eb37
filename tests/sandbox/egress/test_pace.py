"""How fast a sandbox may ask."""

from jinba_mcp.sandbox.egress.pace import Pace


def test_a_burst_goes_through_and_what_follows_waits_its_turn() -> None:
    pace = Pace(per_s=10)

    delays = [round(pace.delay_s(100.0), 6) for _ in range(14)]

    assert delays == [0.0] * 11 + [0.1, 0.2, 0.3]


def test_after_a_rest_there_is_a_burst_again_and_no_larger_one() -> None:
    pace = Pace(per_s=10)
    for _ in range(20):
        pace.delay_s(100.0)

    assert [round(pace.delay_s(1000.0), 6) for _ in range(12)] == [0.0] * 11 + [0.1]
