"""`jinba-mcp audit`."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Jinba


@pytest.fixture
def changed(jinba: Jinba) -> Jinba:
    """A registry in which three keys and a user were made."""
    for name in ("one", "two", "three"):
        jinba("keys", "create", "--name", name)
    jinba("users", "add", "ada@example.com")
    return jinba


def test_changes_are_listed_newest_first_and_page_by_page(changed: Jinba) -> None:
    page = changed("audit", "list", "--action", "key.created", "--limit", "2", "--json").json
    assert [entry["after"]["name"] for entry in page["data"]] == ["three", "two"]
    shown = changed("audit", "list", "--action", "key.created", "--limit", "2", "--cursor", page["nextCursor"])
    assert [line.split()[0] for line in shown.out.splitlines()][:1] == ["WHEN"]
    assert "operator" in shown.out
    more = changed("audit", "list", "--limit", "1")
    assert "--cursor" in more.err


def test_changes_are_found_by_time_and_target(changed: Jinba) -> None:
    (entry, *_) = changed("audit", "list", "--action", "key.created", "--json").json["data"]
    found = changed("audit", "list", "--target", entry["target"], "--actor", "operator", "--since", "1h", "--json")
    assert [each["id"] for each in found.json["data"]] == [entry["id"]]
    assert changed("audit", "list", "--until", "1h", "--json").json["data"] == []
    assert changed("audit", "list", "--since", "yesterday").code == 2


def test_what_is_no_organizations_is_listed_apart(changed: Jinba) -> None:
    listed = changed("audit", "list", "--installation", "--json").json["data"]
    assert "user.created" in [entry["action"] for entry in listed]


def test_all_of_it_is_exported_as_json_lines(changed: Jinba) -> None:
    lines = changed("audit", "export", "--action", "key.created").out.splitlines()
    assert [json.loads(line)["after"]["name"] for line in lines][:3] == ["three", "two", "one"]
    assert changed("audit", "export", "--installation").out


def test_a_whole_log_is_verified_and_its_heads_printed(changed: Jinba) -> None:
    ended = changed("audit", "verify")
    assert (ended.code, ended.err) == (0, "")
    assert "installation" in ended.out
    told = changed("audit", "verify", "--json").json["data"]
    assert all(chain["isIntact"] and chain["head"]["digest"] in ended.out for chain in told)


def test_a_log_that_was_tampered_with_is_said_to_be_and_where(changed: Jinba, data_dir: Path) -> None:
    (database,) = data_dir.glob("*.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE audit SET address = '10.0.0.1' WHERE chain <> '' AND sequence = 2")
    ended = changed("audit", "verify")
    assert ended.code == 1
    assert "entry 2: the entry was changed." in ended.err
    assert "tampered with, in 1 of" in ended.err
    broken = changed("audit", "verify", "--json")
    assert (broken.code, [len(chain["faults"]) for chain in broken.json["data"] if chain["faults"]]) == (1, [1])


def test_changes_are_listed_and_exported_here_and_on_a_server(either: Jinba) -> None:
    for name in ("one", "two"):
        either("keys", "create", "--name", name)
    found = either("audit", "list", "--action", "key.created", "--limit", "1", "--json").json
    assert [entry["after"]["name"] for entry in found["data"]] == ["two"]
    more = either("audit", "list", "--action", "key.created", "--limit", "1", "--cursor", found["nextCursor"], "--json")
    assert [entry["after"]["name"] for entry in more.json["data"]] == ["one"]
    shown = either("audit", "list", "--limit", "1", "--since", "1h")
    assert (shown.out.split()[:5], "--cursor" in shown.err) == (["WHEN", "ACTION", "TARGET", "BY", "FROM"], True)
    (first, second, *_) = either("audit", "export", "--action", "key.created").out.splitlines()
    assert [json.loads(first), json.loads(second)] == [*found["data"], *more.json["data"]]


@pytest.mark.slow  # starts a server
def test_what_is_no_organizations_is_the_operators_alone(far: Jinba) -> None:
    for verb in ("list", "export"):
        ended = far("audit", verb, "--installation")
        assert (ended.code, "of this machine only" in ended.err) == (2, True)
