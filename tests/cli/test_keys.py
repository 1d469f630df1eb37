"""`jinba-mcp keys`."""

import anyio
import pytest

from jinba_mcp import settings
from jinba_mcp.app import opened
from jinba_mcp.domain import keys
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import KeyUnknown
from tests.cli.conftest import Jinba


def authenticated(secret: str) -> Caller:
    async def ask() -> Caller:
        with anyio.fail_after(60):
            async with opened(settings.read()) as app:
                return await app.core.keys.authenticate(secret)

    return anyio.run(ask)


def test_a_created_key_is_answered_whole_and_works(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "Laptop", "--scope", "read", "--scope", "execute", "--json").json
    assert keys.is_well_formed(made["key"])
    assert (made["name"], made["scopes"], made["prefix"]) == ("Laptop", ["read", "execute"], made["key"][:8])
    assert authenticated(made["key"]).key_id == made["id"]


def test_a_key_for_people_stands_alone_on_standard_output(jinba: Jinba) -> None:
    ended = jinba("keys", "create", "--name", "Laptop")
    assert keys.is_well_formed(ended.out.strip())
    assert "only this once" in ended.err


def test_every_term_of_a_key_is_kept(jinba: Jinba) -> None:
    terms = ["--toolset", "a", "--toolset", "b", "--tool", "a/x", "--allow-ip", "10.0.0.0/8"]
    made = jinba("keys", "create", "--name", "n", *terms, "--expires", "2099-01-01T00:00:00Z", "--json").json
    assert made["toolsets"] == ["a", "b"]
    assert made["tools"] == ["a/x"]
    assert made["allowedIps"] == ["10.0.0.0/8"]
    assert made["expiresAt"] == "2099-01-01T00:00:00.000Z"
    shown_once = {"key", "apiBaseUrl", "mcpJson"}
    kept = {name: made[name] for name in made if name not in shown_once}
    assert jinba("keys", "list", "--json").json["data"] == [kept]


def test_a_created_key_comes_with_what_a_client_needs(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--json").json
    assert made["apiBaseUrl"] == "http://127.0.0.1:8700/v1"
    server = made["mcpJson"]["mcpServers"]["jinba"]
    assert server["url"] == "http://127.0.0.1:8700/v1/orgs/default/mcp"
    assert server["headers"] == {"Authorization": f"Bearer {made['key']}"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", "n", "--scope", "fly"], "--scope: "),
        (["--name", "n", "--toolset", "No Slug"], "--toolset: "),
        (["--name", "n", "--tool", "no-slash"], "--tool: "),
        (["--name", "n", "--expires", "soon"], "--expires: "),
        (["--name", ""], "--name: "),
        ([], "--name"),
    ],
)
def test_a_term_that_cannot_be_used_is_misuse(jinba: Jinba, arguments: list[str], said: str) -> None:
    ended = jinba("keys", "create", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_network_that_is_none_is_refused_with_the_reason(jinba: Jinba) -> None:
    ended = jinba("keys", "create", "--name", "n", "--allow-ip", "everywhere")
    assert ended.code == 1
    assert "not an IP network" in ended.err


def test_a_personal_key_acts_as_its_user(jinba: Jinba) -> None:
    jinba("orgs", "create", "acme", "--owner", "ada@example.com")
    made = jinba("keys", "create", "--name", "Ada", "--user", "ada@example.com", "--json").json
    assert made["kind"] == "personal"
    assert made["mcpJson"]["mcpServers"]["jinba"]["url"] == "http://127.0.0.1:8700/mcp"
    assert authenticated(made["key"]).user_id == made["userId"]
    ended = jinba("keys", "create", "--name", "Bob", "--user", "bob@example.com")
    assert ended.code == 1
    assert "bob@example.com" in ended.err


def test_a_rotated_key_keeps_its_id_and_the_old_secret_ends(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--json").json
    rotated = jinba("keys", "rotate", made["id"], "--json").json
    assert rotated["id"] == made["id"]
    assert authenticated(rotated["key"]).key_id == made["id"]
    with pytest.raises(KeyUnknown):
        authenticated(made["key"])


def test_an_overlap_lets_the_old_secret_work_on(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--json").json
    jinba("keys", "rotate", made["id"], "--overlap", "1h")
    assert authenticated(made["key"]).key_id == made["id"]
    assert jinba("keys", "rotate", made["id"], "--overlap", "30d").code == 1


def test_a_revoked_key_is_gone(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--json").json
    ended = jinba("keys", "revoke", made["id"], "--json")
    assert (ended.code, ended.json["revoked"], ended.json["id"]) == (0, True, made["id"])
    assert jinba("keys", "list", "--json").json["data"] == []
    again = jinba("keys", "revoke", made["id"])
    assert again.code == 1
    assert made["id"] in again.err


def test_revoking_asks_on_a_terminal(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--json").json
    ended = jinba("keys", "revoke", made["id"], stdin=b"n\n", is_terminal=True)
    assert (ended.code, ended.out) == (1, "")
    assert "Nothing was revoked." in ended.err
    assert jinba("keys", "revoke", made["id"], stdin=b"y\n", is_terminal=True).code == 0


def test_the_list_for_people_shows_whole_ids(jinba: Jinba) -> None:
    made = jinba("keys", "create", "--name", "n", "--toolset", "a", "--json").json
    out = jinba("keys", "list").out
    assert made["id"] in out
    assert made["key"] not in out


def test_keys_belong_to_one_organization(jinba: Jinba) -> None:
    jinba("orgs", "create", "acme")
    jinba("keys", "create", "--name", "n", "--org", "acme")
    assert jinba("keys", "list", "--json").json["data"] == []
    assert len(jinba("keys", "list", "--org", "acme", "--json").json["data"]) == 1


def test_the_operator_lists_and_revokes_a_users_personal_keys(jinba: Jinba) -> None:
    jinba("orgs", "create", "acme", "--owner", "ada@example.com")
    made = jinba("keys", "create", "--name", "mine", "--user", "ada@example.com", "--json").json
    listed = jinba("keys", "list", "--user", "ada@example.com", "--json").json["data"]
    assert [key["id"] for key in listed] == [made["id"]]
    assert jinba("keys", "revoke", made["id"]).code == 1
    assert jinba("keys", "revoke", made["id"], "--user", "ada@example.com").code == 0
    assert jinba("keys", "list", "--user", "ada@example.com", "--json").json["data"] == []


def test_a_key_lives_and_ends_here_and_on_a_server(either: Jinba) -> None:
    made = either("keys", "create", "--name", "Laptop", "--toolset", "a", "--expires", "30d", "--json").json
    assert keys.is_well_formed(made["key"])
    rotated = either("keys", "rotate", made["id"], "--json").json
    assert (rotated["id"], rotated["expiresAt"]) == (made["id"], made["expiresAt"])
    assert rotated["key"] != made["key"]
    (found,) = (each for each in either("keys", "list", "--json").json["data"] if each["id"] == made["id"])
    assert (found["name"], found["toolsets"], found["prefix"]) == ("Laptop", ["a"], rotated["key"][:8])
    shown = either("keys", "list").out
    assert made["id"] in shown
    assert rotated["key"] not in shown
    assert either("keys", "revoke", made["id"]).out == f"Revoked {made['id']}.\n"
    assert either("keys", "revoke", made["id"]).code == 1


@pytest.mark.slow  # starts a server
def test_others_personal_keys_are_the_operators_alone(far: Jinba) -> None:
    for verb in (["create", "--name", "n"], ["list"], ["revoke", "key_1"]):
        ended = far("keys", *verb, "--user", "ada@example.com")
        assert (ended.code, "of this machine only" in ended.err) == (2, True)
