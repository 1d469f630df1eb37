"""Quotas become windows: one a minute, one a day, none where nothing is set."""

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.limits import Quota, Quotas, per_day, per_minute


def test_a_quota_has_a_window_for_each_time_that_is_limited_the_shortest_first() -> None:
    assert Quota().windows == ()
    assert Quota(per_day=9).windows == (per_day(9),)
    assert Quota(per_minute=5, per_day=9).windows == (per_minute(5), per_day(9))


def test_runs_at_once_are_no_window() -> None:
    assert Quota(at_once=3).windows == ()


def test_only_the_short_window_moves_since_it_remembers_each_take() -> None:
    assert per_minute(5).is_moving
    assert not per_day(5).is_moving


def test_nothing_is_limited_by_itself() -> None:
    quotas = Quotas()
    assert {quotas.key, quotas.organization, quotas.tool, quotas.address} == {Quota()}


@pytest.mark.parametrize("count", [0, -1])
def test_no_limit_is_none_and_not_zero(count: int) -> None:
    with pytest.raises(ValidationError):
        Quota(per_minute=count)
