"""Who is asking, as each kind of caller is told, and what a user wants to be called."""

from tests.faces.rest.conftest import Rest
from tests.faces.rest.people import founded

ME = "/v1/me"


async def test_a_session_is_told_whose_it_is_and_what_it_may_do_where_it_may_most(rest: Rest) -> None:
    owner = await founded(rest)
    me = (await owner.ask("GET", ME)).json()
    assert (me["kind"], me["key"], me["organization"]) == ("session", None, None)
    assert me["user"] == {"id": me["user"]["id"], "email": "owner@example.com", "name": "Owner"}
    assert me["scopes"] == ["admin", "execute", "read", "write"]


async def test_a_personal_key_is_told_its_user_and_an_organizations_key_has_none(rest: Rest) -> None:
    mine = (await rest.ask("GET", ME, secret=await rest.personal_secret("ada@example.com", "read"))).json()
    assert (mine["kind"], mine["user"]["email"], mine["key"]["scopes"]) == ("personal", "ada@example.com", ["read"])
    assert (await rest.ask("GET", ME, "read")).json()["user"] is None


async def test_one_is_called_what_one_says(rest: Rest) -> None:
    owner = await founded(rest)
    assert (await owner.ask("PATCH", ME, json={"name": "Olive"})).json()["name"] == "Olive"
    assert (await owner.ask("GET", ME)).json()["user"]["name"] == "Olive"
    refused = await rest.ask("PATCH", ME, "admin", json={"name": "Olive"})
    assert (refused.status_code, refused.json()["code"]) == (403, "key.personal_needed")


async def test_a_lesser_personal_key_renames_nobody(rest: Rest) -> None:
    secret = await rest.personal_secret("ada@example.com", "read", "write")
    refused = await rest.ask("PATCH", ME, secret=secret, json={"name": "Eve"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope.missing")
