"""Letters: whom they go to, what is in them, and that a mail server that is down is no error of the caller's."""

from jinba_mcp.core.letters import Letters, invitation_link
from tests.storage.records import a_user, an_organization
from tests.storage.test_invitations import an_invitation
from tests.worlds import PretendedSender

BASE = "https://tools.example.com"


async def test_an_invitation_names_the_organization_the_role_and_the_way_in() -> None:
    sender, organization = PretendedSender(), an_organization()
    assert await Letters(sender, BASE).invite(an_invitation(organization.id), organization, "TOKEN") is None
    (letter,) = sender.sent
    assert letter.to == "alice@example.com"
    for part in ("'Acme'", "member", invitation_link(BASE, "TOKEN"), "2026-03-08 12:00 UTC"):
        assert part in letter.text


async def test_what_an_organization_is_called_does_not_get_into_the_head() -> None:
    sender = PretendedSender()
    organization = an_organization().model_copy(update={"name": "A\nBcc: everyone@example.com"})
    await Letters(sender, BASE).invite(an_invitation(organization.id), organization, "TOKEN")
    assert "\n" not in sender.sent[0].subject + sender.sent[0].to


async def test_a_reset_has_the_token_and_says_what_it_does() -> None:
    sender = PretendedSender()
    assert await Letters(sender, BASE).reset(a_user(), "TOKEN") is None
    assert "The token: TOKEN\n" in sender.sent[0].text
    assert "ends all of your sessions" in sender.sent[0].text


async def test_without_a_server_or_with_one_that_is_down_nothing_is_sent() -> None:
    organization = an_organization()
    down = Letters(PretendedSender(is_up=False), BASE)
    for letters, why in ((Letters(None, BASE), "sends no mail"), (down, "is down")):
        assert why in str(await letters.invite(an_invitation(organization.id), organization, "TOKEN"))
        assert why in str(await letters.reset(a_user(), "TOKEN"))
    assert not Letters(None, BASE).can_be_sent


async def test_who_signs_up_is_mailed_a_token_or_that_there_is_an_account() -> None:
    sender = PretendedSender()
    letters = Letters(sender, BASE)
    assert await letters.confirm("alice@example.com", "TOKEN") is None
    assert await letters.known(a_user()) is None
    new, known = (letter.text for letter in sender.sent)
    assert f"The token: TOKEN\n\nSend it with the password that you chose to {BASE}/v1/auth/sign-up/confirm" in new
    assert "TOKEN" not in known
    assert "Nothing was changed" in known
