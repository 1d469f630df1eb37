"""`jinba-mcp credits`, here and on a server."""

import pytest

from tests.cli.conftest import Jinba, Remote


def test_a_balance_is_granted_set_shown_and_unset(jinba: Jinba) -> None:
    assert jinba("credits", "show").out == "default is not metered.\n"
    assert jinba("credits", "grant", "100", "--reference", "invoice 1").out == "default has 100 credits.\n"
    assert jinba("credits", "grant", "100", "--reference", "invoice 1").out == "default has 100 credits.\n"
    assert jinba("credits", "set", "30").out == "default has 30 credits.\n"
    assert jinba("credits", "show", "--json").json == {"balance": 30}
    assert jinba("credits", "unset").out == "default is not metered.\n"
    assert jinba("credits", "show", "--json").json == {"balance": None}


def test_what_moved_the_balance_is_listed_newest_first(jinba: Jinba) -> None:
    jinba("credits", "grant", "100", "--reference", "invoice 1")
    jinba("credits", "set", "30")
    lines = jinba("credits", "transactions", "--json").json["data"]
    assert [(line["kind"], line["amount"], line["balance"]) for line in lines] == [
        ("set", -70, 30),
        ("grant", 100, 100),
    ]
    assert "invoice 1" in jinba("credits", "transactions").out


@pytest.mark.slow  # starts a server
def test_credits_on_a_server_are_shown_and_its_operator_grants_them(far: Jinba, remote: Remote) -> None:
    assert far("credits", "show").out == f"{remote.org} is not metered.\n"
    remote.registry.run("credits", "grant", "100", "--reference", "invoice 1", "--org", remote.org)
    assert far("credits", "show", "--json").json == {"balance": 100}
    assert [line["amount"] for line in far("credits", "transactions", "--json").json["data"]] == [100]
    assert "invoice 1" in far("credits", "transactions").out
    here = far("credits", "grant", "5")
    assert (here.code, f"not on {remote.url}" in here.err) == (1, True)
    assert far("credits", "grant", "5", "--url", remote.url).code == 2


def test_a_reference_for_two_changes_and_an_amount_that_is_none_are_refused(jinba: Jinba) -> None:
    jinba("credits", "grant", "100", "--reference", "invoice 1")
    ended = jinba("credits", "grant", "50", "--reference", "invoice 1")
    assert (ended.code, "another change" in ended.err) == (1, True)
    assert jinba("credits", "grant", "--", "-5").code == 2
    assert jinba("credits", "grant", "1", "--org", "nowhere").code == 1


def test_a_key_may_be_given_a_rate(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "slow", "--rate-limit", "30", "--json").json
    assert made["rateLimit"] == 30
    assert jinba("keys", "create", "--name", "none", "--rate-limit", "0").code == 2
