"""`jinba-mcp users`."""

from tests.cli.conftest import Jinba
from tests.worlds import PASSWORD

ADA = "ada@example.com"


def test_an_added_user_is_listed_and_gets_a_token_to_set_a_password(jinba: Jinba) -> None:
    added = jinba("users", "add", ADA, "--name", "Ada", "--json").json
    assert (added["email"], added["name"]) == (ADA, "Ada")
    assert len(added["token"]) == 43
    listed = jinba("users", "list", "--json").json["data"]
    assert [each["id"] for each in listed] == [added["id"]]
    assert ADA in jinba("users", "list").out


def test_people_see_the_token_on_standard_output_and_the_rest_beside_it(jinba: Jinba) -> None:
    ended = jinba("users", "add", ADA)
    assert len(ended.out.strip()) == 43
    assert "Added ada@example.com (user_" in ended.err
    again = jinba("users", "reset-password", ADA)
    assert len(again.out.strip()) == 43
    assert again.out != ended.out
    assert "/v1/auth/password/reset" in again.err


def test_a_password_is_read_from_the_input_and_never_printed(jinba: Jinba) -> None:
    ended = jinba("users", "add", ADA, "--password", stdin=f"{PASSWORD}\n".encode())
    assert (ended.code, ended.out) == (0, "")
    assert PASSWORD not in ended.err
    weak = jinba("users", "add", "b@example.com", "--password", stdin=b"password2026")
    assert weak.code == 1
    assert "first guesses" in weak.err


def test_a_user_is_made_a_member_with_a_role(jinba: Jinba) -> None:
    jinba("users", "add", ADA, "--org", "default", "--role", "owner")
    assert jinba("members", "list", "--json").json["data"][0]["role"] == "owner"
    second = jinba("users", "add", "b@example.com", "--org", "default", "--role", "owner")
    assert second.code == 1
    assert len(jinba("users", "list", "--json").json["data"]) == 1


def test_what_is_no_address_is_refused_with_the_name_of_the_argument(jinba: Jinba) -> None:
    ended = jinba("users", "add", "ada")
    assert ended.code == 2
    assert "EMAIL" in ended.err
    assert jinba("users", "add", ADA, "--role", "king", "--org", "default").code == 2


def test_a_removed_user_is_gone_and_an_owner_is_not_removed(jinba: Jinba) -> None:
    jinba("users", "add", ADA)
    assert "Removed" in jinba("users", "remove", ADA.upper()).out
    assert jinba("users", "remove", ADA).code == 1
    assert jinba("users", "reset-password", ADA).code == 1
    jinba("users", "add", ADA, "--org", "default", "--role", "owner")
    ended = jinba("users", "remove", ADA, "--json")
    assert ended.code == 1
    assert "owner first" in ended.err


def test_whoever_sits_at_a_terminal_is_asked(jinba: Jinba) -> None:
    jinba("users", "add", ADA)
    refused = jinba("users", "remove", ADA, stdin=b"n\n", is_terminal=True)
    assert (refused.code, "Nobody was removed" in refused.err) == (1, True)
    assert jinba("users", "remove", ADA, "--json", stdin=b"y\n", is_terminal=True).json["removed"] is True
