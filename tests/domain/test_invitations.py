"""Invitations: when they end."""

from datetime import timedelta

from jinba_mcp.domain.invitations import LIFETIME
from tests.storage.records import NOW
from tests.storage.test_invitations import an_invitation


def test_an_invitation_is_good_for_a_week() -> None:
    invitation = an_invitation("org_1")
    assert invitation.expires_at - NOW == LIFETIME == timedelta(days=7)
    assert not invitation.has_expired(invitation.expires_at - timedelta(microseconds=1))
    assert invitation.has_expired(invitation.expires_at)
