"""`jinba-mcp orgs`."""

import secrets
from pathlib import Path

import pytest

from tests.cli.conftest import Jinba, Remote, answer


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


def test_how_long_runs_are_kept_is_shown_changed_and_left_to_the_server_again(jinba: Jinba) -> None:
    server = {"maxDays": 90, "maxCount": 1_000_000}
    changed = jinba("orgs", "retention", "default", "--days", "7", "--count", "100", "--json").json
    assert changed == {"days": 7, "count": 100, **server}
    assert jinba("orgs", "retention", "default", "--json").json == changed
    assert "7" in jinba("orgs", "retention", "default").out
    assert jinba("orgs", "retention", "default", "--default", "--json").json == {"days": None, "count": None, **server}
    refused = jinba("orgs", "retention", "default", "--days", "91")
    assert (refused.code, "days" in refused.err) == (1, True)
    assert jinba("orgs", "retention", "default", "--default", "--days", "1").code == 2


def test_people_are_told_what_to_do_next(jinba: Jinba) -> None:
    ended = jinba("orgs", "create", "acme")
    assert ended.out.startswith("Created acme (org_")
    assert "keys create --org acme" in ended.err


def test_a_renamed_organization_is_found_by_both_slugs(jinba: Jinba) -> None:
    made = jinba("orgs", "create", "acme", "--json").json
    ended = jinba("orgs", "rename", "acme", "--slug", "ajax", "--name", "Ajax")
    assert ended.out == "acme is now ajax, called Ajax.\n"
    again = jinba("orgs", "rename", "acme", "--name", "Ajax & Sons", "--json").json
    assert (again["id"], again["slug"]) == (made["id"], "ajax")
    assert jinba("orgs", "create", "acme").code == 1
    assert jinba("orgs", "rename", "acme").code == 2


def test_deleting_wants_the_slug_once_more_and_says_what_goes(jinba: Jinba) -> None:
    jinba("orgs", "create", "acme", "--owner", "ada@example.com")
    refused = jinba("orgs", "delete", "acme")
    assert refused.code == 1
    assert "members: 1" in refused.err
    assert jinba("orgs", "delete", "acme", "--confirm", "acme").out == "Deleted acme.\n"
    assert [each["slug"] for each in jinba("orgs", "list", "--json").json["data"]] == ["default"]
    jinba("orgs", "create", "ajax")
    assert jinba("orgs", "delete", "ajax", "--confirm", "ajax", "--json").json["deleted"] is True


def test_a_new_slug_that_is_none_is_refused_before_anything_is_sent(jinba: Jinba) -> None:
    ended = jinba("orgs", "rename", "default", "--slug", "No Slug")
    assert (ended.code, "lower-case letters" in ended.err) == (1, True)


@pytest.fixture
def ada(run_jinba: Jinba, empty_data_dir: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Jinba:
    """Run one command on the server with a personal key, which may make organizations."""
    email = f"ada-{remote.org}@example.com"
    answer(remote.registry, "users", "add", email, "--org", remote.org, "--role", "owner")
    made = answer(remote.registry, "keys", "create", "--name", "n", "--user", email, "--scope", "admin")
    monkeypatch.setenv("JINBA_URL", remote.url)
    monkeypatch.setenv("JINBA_API_KEY", made["key"])
    return run_jinba


@pytest.mark.slow  # starts a server
def test_on_a_server_an_organization_belongs_to_whose_key_it_is(ada: Jinba, remote: Remote) -> None:
    slug = f"acme-{secrets.token_hex(4)}"
    made = ada("orgs", "create", slug, "--name", "Acme", "--json").json
    assert (made["slug"], made["name"]) == (slug, "Acme")
    assert [each["slug"] for each in ada("orgs", "list", "--json").json["data"]] == [remote.org, slug]
    assert ada("orgs", "rename", slug, "--name", "Ajax").out == f"{slug} is now {slug}, called Ajax.\n"
    refused = ada("orgs", "delete", slug)
    assert (refused.code, "members: 1" in refused.err) == (1, True)
    assert ada("orgs", "delete", slug, "--confirm", slug).out == f"Deleted {slug}.\n"
    ended = ada("orgs", "create", slug, "--owner", "bob@example.com")
    assert (ended.code, "of this machine only" in ended.err) == (2, True)


@pytest.mark.slow  # starts a server
def test_a_key_of_one_organization_makes_no_others(far: Jinba, run_jinba: Jinba) -> None:
    ended = run_jinba("orgs", "create", "acme")
    assert (ended.code, "personal key" in ended.err) == (1, True)
