"""`jinba-mcp members`, here and on a server."""

import pytest

from tests.cli.conftest import Jinba, Remote

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def staffed(jinba: Jinba) -> Jinba:
    """A registry whose default organization has an owner and a member."""
    for email, role in ((ADA, "owner"), (BOB, "member")):
        jinba("users", "add", email, "--org", "default", "--role", role)
    return jinba


def roles(jinba: Jinba) -> dict[str, str]:
    return {each["email"]: each["role"] for each in jinba("members", "list", "--json").json["data"]}


def test_members_are_listed_with_their_roles(staffed: Jinba) -> None:
    assert roles(staffed) == {ADA: "owner", BOB: "member"}
    assert ADA in staffed("members", "list").out


def test_ownership_is_handed_over(staffed: Jinba) -> None:
    ended = staffed("members", "set-role", BOB.upper(), "owner")
    assert ended.out == "bob@example.com is now owner of default.\n"
    assert roles(staffed) == {ADA: "admin", BOB: "owner"}


def test_a_member_is_named_by_id_as_well(staffed: Jinba) -> None:
    user_id = staffed("members", "list", "--json").json["data"][1]["userId"]
    assert staffed("members", "set-role", user_id, "admin", "--json").json["role"] == "admin"


def test_the_owner_is_not_removed_and_others_are(staffed: Jinba) -> None:
    ended = staffed("members", "remove", ADA)
    assert ended.code == 1
    assert "owner first" in ended.err
    assert staffed("members", "remove", BOB).out == "Removed bob@example.com from default.\n"
    again = staffed("members", "remove", BOB)
    assert (again.code, "no member" in again.err) == (1, True)


def test_a_removed_member_as_json(staffed: Jinba) -> None:
    assert staffed("members", "remove", BOB, "--json").json["removed"] is True


def test_an_invitation_is_a_link_to_hand_over_where_no_mail_is_sent(staffed: Jinba) -> None:
    ended = staffed("members", "invite", "eve@example.com", "--role", "admin")
    assert ended.out.startswith("http://127.0.0.1:8700/v1/invitations/")
    assert "eve@example.com" in ended.err
    issued = staffed("members", "invite", "eve@example.com", "--json").json
    assert (issued["email"], issued["role"]) == ("eve@example.com", "member")
    assert issued["link"] != ended.out.strip()
    assert staffed("members", "invite", BOB).code == 1
    assert staffed("members", "invite", "eve").code == 2


def test_an_invitation_that_is_mailed_shows_no_link_and_is_listed(
    staffed: Jinba, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_SMTP_HOST", "127.0.0.1")
    assert staffed("members", "invite", "eve@example.com").out.startswith("The server mails the invitation to eve")
    (listed,) = staffed("members", "invitations", "--json").json["data"]
    assert (listed["email"], listed["mail"], listed["mailError"]) == ("eve@example.com", "pending", None)
    assert "pending" in staffed("members", "invitations").out


@pytest.mark.slow  # starts a server
def test_members_of_a_server_are_listed_given_roles_invited_and_removed(far: Jinba, remote: Remote) -> None:
    bob = f"bob@{remote.org}.example.com"
    remote.registry.run("users", "add", bob, "--org", remote.org, "--role", "member")
    assert roles(far) == {bob: "member"}
    assert far("members", "set-role", bob, "member").out == f"{bob} is now member of {remote.org}.\n"
    refused = far("members", "set-role", bob, "admin")
    assert (refused.code, "below its own" in refused.err) == (1, True)
    assert far("members", "invite", "eve@example.com").out.startswith(f"{remote.url}/v1/invitations/")
    assert far("members", "remove", bob.upper()).out == f"Removed {bob.upper()} from {remote.org}.\n"
    again = far("members", "remove", bob)
    assert (again.code, "no member" in again.err) == (1, True)
    assert roles(far) == {}
