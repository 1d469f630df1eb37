"""`jinba-mcp login` and `logout`: a key is checked, kept for its owner, used, and forgotten."""

import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer

from jinba_mcp.cli import profile_file, reach
from jinba_mcp.cli.profile_file import Profile
from tests.cli.conftest import Ended, Jinba, Remote

WRONG = "jtb_" + "x" * 43


@pytest.fixture
def cli(run_jinba: Jinba, empty_data_dir: Path) -> Jinba:
    """Run one command on a machine on which there is nothing."""
    return run_jinba


def log_in(cli: Jinba, remote: Remote, *options: str) -> Ended:
    ended = cli("login", remote.url, *options, stdin=f"{remote.key}\n".encode())
    assert ended.code == 0, ended.err
    assert remote.key not in ended.out + ended.err
    return ended


@pytest.mark.slow  # starts a server
def test_who_logged_in_works_on_the_server_until_logging_out(cli: Jinba, remote: Remote, profiles_file: Path) -> None:
    name = urlsplit(remote.url).netloc
    said = log_in(cli, remote)
    assert said.out == f"Logged in to {remote.url} with the key 'test' ({remote.key[:8]}…) of {remote.org}.\n"
    assert f"profile {name}" in said.err
    assert stat.S_IMODE(profiles_file.stat().st_mode) == 0o600
    listed = cli("keys", "list", "--org", remote.org, "--json")
    assert [key["name"] for key in listed.json["data"]] == ["test"]
    assert cli("logout").out == f"Forgot the key to {remote.url} (profile {name}).\n"
    assert remote.key not in profiles_file.read_text()
    assert cli("keys", "list", "--json").json["data"] == []
    again = cli("logout")
    assert (again.code, again.err) == (1, "Error: No profile is in use. Say which one to forget: --profile NAME\n")


@pytest.mark.slow  # starts a server
def test_a_login_for_scripts_says_who_it_is(cli: Jinba, remote: Remote) -> None:
    told = log_in(cli, remote, "--profile", "work", "--json").json
    assert (told["profile"], told["url"]) == ("work", remote.url)
    assert told["me"]["organization"]["slug"] == remote.org
    assert cli("logout", "--profile", "work", "--json").json == {
        "profile": "work",
        "url": remote.url,
        "forgotten": True,
    }


@pytest.mark.slow  # starts a server
def test_a_key_that_the_server_does_not_know_is_not_kept(cli: Jinba, remote: Remote, profiles_file: Path) -> None:
    ended = cli("login", remote.url, stdin=WRONG.encode())
    assert (ended.code, ended.out, WRONG in ended.err) == (1, "", False)
    assert not profiles_file.exists()


@pytest.mark.slow  # starts a server
def test_on_a_terminal_the_key_is_typed_unseen(
    cli: Jinba, remote: Remote, monkeypatch: pytest.MonkeyPatch, profiles_file: Path
) -> None:
    asked = {}

    def prompt(question: str, **how: object) -> str:
        asked[question] = how
        return remote.key

    monkeypatch.setattr(typer, "prompt", prompt)
    assert cli("login", f"{remote.url}/v1", is_terminal=True).code == 0
    assert asked == {f"Key for {remote.url}": {"hide_input": True, "err": True}}
    assert json.loads(profiles_file.read_text())["profiles"][urlsplit(remote.url).netloc]["url"] == remote.url


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["http://127.0.0.1:9"], b"", "no key on standard input"),
        (["tools.example.com"], b"jtb_1\n", "no address of a server"),
        (["https://me:secret@tools.example.com"], b"jtb_1\n", "must not hold a password"),
        (["http://127.0.0.1:9"], b"two words\n", "characters that no key has"),
    ],
)
def test_what_cannot_be_used_is_misuse(
    cli: Jinba, arguments: list[str], stdin: bytes, said: str, profiles_file: Path
) -> None:
    ended = cli("login", *arguments, stdin=stdin)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert not profiles_file.exists()


ME = {"key": {"name": "mine", "prefix": "jtb_abcd"}, "organization": {"slug": "acme"}, "user": None}


@pytest.mark.parametrize("me", [{}, {**ME, "key": []}, {**ME, "organization": {}}, {**ME, "organization": "acme"}])
def test_a_key_to_what_is_no_jinba_server_is_not_kept(
    cli: Jinba, me: object, monkeypatch: pytest.MonkeyPatch, profiles_file: Path
) -> None:
    monkeypatch.setattr(reach, "over_network", lambda *_: me)
    ended = cli("login", "http://127.0.0.1:9", stdin=b"jtb_1\n")
    assert (ended.code, ended.out) == (1, "")
    assert "does not look like a Jinba server" in ended.err
    assert not profiles_file.exists()


def test_a_server_does_not_steer_the_terminal(cli: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {**ME, "key": {"name": "\x1b[2Jmine", "prefix": "jtb_abcd"}}
    monkeypatch.setattr(reach, "over_network", lambda *_: named)
    ended = cli("login", "http://127.0.0.1:9", stdin=b"jtb_1\n")
    assert (ended.code, "\x1b" in ended.out, "mine" in ended.out) == (0, False, True)


def test_what_others_log_in_to_and_out_of_while_the_key_is_typed_stays_so(
    cli: Jinba, monkeypatch: pytest.MonkeyPatch, profiles_file: Path
) -> None:
    old, new = (Profile(url=f"https://{name}.example.com", key="jtb_1") for name in ("old", "new"))
    profile_file.write(profile_file.read().having("old", old))

    def prompt(*_: object, **__: object) -> str:
        profile_file.write(profile_file.read().without("old").having("new", new))
        return "jtb_2"

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(reach, "over_network", lambda *_: ME)
    assert cli("login", "http://127.0.0.1:9", "--profile", "mine", is_terminal=True).code == 0
    kept = json.loads(profiles_file.read_text())
    assert (sorted(kept["profiles"]), kept["current"]) == (["mine", "new"], "mine")


def test_a_damaged_file_is_told_before_a_key_is_asked_for(cli: Jinba, profiles_file: Path) -> None:
    profiles_file.parent.mkdir(parents=True)
    profiles_file.write_text("{")
    profiles_file.chmod(0o600)
    assert "is damaged" in cli("login", "http://127.0.0.1:9").err
