"""`jinba-mcp orgs`."""

from tests.cli.conftest import Jinba


def test_a_created_organization_is_listed_beside_the_default_one(jinba: Jinba) -> None:
    made = jinba("orgs", "create", "acme", "--name", "Acme Inc.", "--json").json
    assert (made["slug"], made["name"]) == ("acme", "Acme Inc.")
    listed = jinba("orgs", "list", "--json").json
    assert [each["slug"] for each in listed["data"]] == ["default", "acme"]
    assert made in listed["data"]
    assert made["id"] in jinba("orgs", "list").out


def test_without_a_name_the_slug_is_the_name(jinba: Jinba) -> None:
    assert jinba("orgs", "create", "acme", "--json").json["name"] == "acme"


def test_a_taken_slug_is_refused(jinba: Jinba) -> None:
    ended = jinba("orgs", "create", "default")
    assert (ended.code, ended.out) == (1, "")
    assert "There is already a" in ended.err


def test_a_slug_that_is_none_is_refused_with_the_rule(jinba: Jinba) -> None:
    ended = jinba("orgs", "create", "Acme Inc.")
    assert ended.code == 1
    assert "lower-case letters" in ended.err


def test_people_are_told_what_to_do_next(jinba: Jinba) -> None:
    ended = jinba("orgs", "create", "acme")
    assert ended.out.startswith("Created acme (org_")
    assert "keys create --org acme" in ended.err
