"""Sessions: when they end, and the token of their pages."""

from datetime import timedelta

import pytest

from jinba_mcp.domain import tokens
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.sessions import csrf_token, is_csrf_token
from tests.storage.records import NOW
from tests.storage.test_sessions import a_session


@pytest.mark.parametrize(
    ("used_days", "lives_until_days"), [(0, 14), (10, 24), (75, 89), (80, 90), (90, 90)], ids=lambda days: f"{days} d"
)
def test_a_session_ends_two_weeks_after_its_last_use_and_after_90_days(used_days: int, lives_until_days: int) -> None:
    session = a_session(UserId("user_1"), last_used_at=NOW + timedelta(days=used_days))
    end = NOW + timedelta(days=lives_until_days)
    assert session.expires_at == end
    assert not session.has_expired(end - timedelta(microseconds=1))
    assert session.has_expired(end)


def test_the_token_of_a_page_is_its_sessions_only() -> None:
    mine, other = tokens.new_token(), tokens.new_token()
    assert is_csrf_token(csrf_token(mine), mine)
    assert mine not in csrf_token(mine)
    for wrong in ("", csrf_token(other), mine, "ü"):
        assert not is_csrf_token(wrong, mine)
