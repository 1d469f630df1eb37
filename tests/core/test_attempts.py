"""Attempts: slowed down by account and by address, and let through again with time."""

import pytest

from jinba_mcp.core.attempts import PER_ACCOUNT, PER_ADDRESS, Attempts
from jinba_mcp.domain.errors import LimitExceeded
from tests.worlds import StillClock


def taken(attempts: Attempts, account: str | None, address: str | None, most: int = 1_000) -> int:
    """How many attempts are let through in a row."""
    for count in range(most):
        try:
            attempts.take(account, address)
        except LimitExceeded:
            return count
    return most


def test_an_account_has_so_many_from_wherever_they_come() -> None:
    attempts = Attempts(StillClock())
    for number in range(PER_ACCOUNT.burst):
        attempts.take("ada", f"10.0.0.{number}")
    with pytest.raises(LimitExceeded):
        attempts.take("ada", "10.0.1.1")
    attempts.take("bob", "10.0.1.1")


def test_an_address_has_so_many_for_whichever_account() -> None:
    attempts = Attempts(StillClock())
    for number in range(PER_ADDRESS.burst):
        attempts.take(f"user{number}", "10.0.0.1")
    with pytest.raises(LimitExceeded):
        attempts.take("another", "10.0.0.1")
    attempts.take("another", "10.0.0.2")


def test_what_is_refused_says_how_long_to_wait_and_that_is_enough() -> None:
    clock = StillClock()
    attempts = Attempts(clock)
    assert taken(attempts, "ada", None) == PER_ACCOUNT.burst
    with pytest.raises(LimitExceeded) as refused:
        attempts.take("ada", None)
    wait_s = refused.value.details["retryAfter"]
    assert wait_s == PER_ACCOUNT.refill_s
    clock.advance(seconds=float(str(wait_s)) - 0.01)
    assert taken(attempts, "ada", None) == 0
    clock.advance(seconds=0.01)
    assert taken(attempts, "ada", None) == 1


def test_being_refused_costs_nothing_more() -> None:
    clock = StillClock()
    attempts = Attempts(clock)
    taken(attempts, "ada", "10.0.0.1")
    for _ in range(100):
        assert taken(attempts, "ada", "10.0.0.1") == 0
    clock.advance(seconds=PER_ACCOUNT.refill_s * PER_ACCOUNT.burst)
    assert taken(attempts, "ada", "10.0.0.1") == PER_ACCOUNT.burst


def test_an_account_that_showed_its_password_starts_anew() -> None:
    attempts = Attempts(StillClock())
    taken(attempts, "ada", None)
    attempts.forgive("ada")
    attempts.forgive("nobody")
    assert taken(attempts, "ada", None) == PER_ACCOUNT.burst


def test_a_network_of_ipv6_counts_as_one_address_and_a_mapped_one_as_ipv4() -> None:
    attempts = Attempts(StillClock())
    for number in range(PER_ADDRESS.burst):
        attempts.take(f"user{number}", f"2001:db8::{number:x}")
    with pytest.raises(LimitExceeded):
        attempts.take("another", "2001:db8::ffff")
    attempts.take("another", "2001:db8:0:1::1")
    for number in range(PER_ADDRESS.burst):
        attempts.take(f"v4-{number}", "::ffff:10.0.0.1" if number % 2 else "10.0.0.1")
    with pytest.raises(LimitExceeded):
        attempts.take("yet-another", "10.0.0.1")


def test_made_up_accounts_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.core.attempts._REMEMBERED", 10)
    attempts = Attempts(StillClock())
    for number in range(100):
        attempts.take(f"user{number}", f"10.0.0.{number}")
    assert len(attempts._spent) <= 11


def test_what_is_not_known_is_not_counted_for_everyone_together() -> None:
    attempts = Attempts(StillClock())
    for number in range(PER_ADDRESS.burst * 2):
        attempts.take(f"user{number}", None)
        attempts.take(None, f"10.0.{number}.1")
    assert taken(attempts, None, "10.0.200.1") == PER_ADDRESS.burst
    assert taken(attempts, None, None) == 1_000
