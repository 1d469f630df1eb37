"""Invitations over REST: looked at, accepted and withdrawn."""

from tests.faces.rest.conftest import Rest
from tests.faces.rest.people import ACME, Browser, founded, signed_up
from tests.worlds import PASSWORD


async def test_an_invitation_is_looked_at_and_accepted_by_a_new_user(rest: Rest) -> None:
    owner = await founded(rest)
    issued = (await owner.ask("POST", ACME + "/invitations", json={"email": "eve@example.com"})).json()
    path = issued["link"].removeprefix("http://localhost")
    offer = (await Browser(rest).ask("GET", path)).json()
    assert offer == {
        "organization": "acme",
        "organizationName": "Acme Inc.",
        "email": "eve@example.com",
        "role": "member",
        "expiresAt": "2026-11-28T12:00:00.000Z",
    }
    listed = (await owner.ask("GET", ACME + "/invitations")).json()["data"]
    assert [each["id"] for each in listed] == [issued["id"]]
    assert "link" not in listed[0]
    for body in ({"name": "Eve"}, {"password": PASSWORD}, {"name": "Eve", "password": "short"}):
        assert (await Browser(rest).ask("POST", path + "/accept", json=body)).status_code == 400
    body = {"name": "Eve", "password": PASSWORD}
    assert (await Browser(rest).ask("POST", path + "/accept", json=body)).status_code == 200
    assert (await Browser(rest).ask("POST", path + "/accept", json=body)).status_code == 404
    eve = Browser(rest)
    await eve.sign_in("eve@example.com")
    assert [each["slug"] for each in (await eve.ask("GET", "/v1/orgs")).json()["data"]] == ["acme"]


async def test_without_a_user_there_is_nobody_to_join(rest: Rest) -> None:
    owner = await founded(rest)
    issued = (await owner.ask("POST", ACME + "/invitations", json={"email": "eve@example.com"})).json()
    path = issued["link"].removeprefix("http://localhost") + "/accept"
    refused = await rest.ask("POST", path, json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "key.personal_needed")
    mallory = await signed_up(rest, "mallory@example.com")
    refused = await mallory.ask("POST", path, json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "invitation.other_address")


async def test_a_withdrawn_invitation_is_worth_nothing(rest: Rest) -> None:
    owner = await founded(rest)
    issued = (await owner.ask("POST", ACME + "/invitations", json={"email": "eve@example.com"})).json()
    path = f"{ACME}/invitations/{issued['id']}"
    assert [(await owner.ask("DELETE", path)).status_code for _ in range(2)] == [204, 404]
    assert (await rest.ask("GET", issued["link"].removeprefix("http://localhost"))).status_code == 404
