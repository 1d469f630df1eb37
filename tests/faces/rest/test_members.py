"""Organizations and their members over REST, from the first to the last."""

from tests.faces.rest.conftest import Rest
from tests.faces.rest.people import ACME, founded, joined, signed_up


async def test_members_are_listed_promoted_and_removed(rest: Rest) -> None:
    owner = await founded(rest)
    bob, bob_id = await joined(rest, owner, "bob@example.com")
    listed = (await bob.ask("GET", ACME + "/members")).json()["data"]
    assert {(each["email"], each["role"]) for each in listed} == {
        ("owner@example.com", "owner"), ("bob@example.com", "member"),
    }  # fmt: skip
    assert (await bob.ask("GET", ACME + "/invitations")).json()["code"] == "scope.missing"
    changed = await owner.ask("PATCH", f"{ACME}/members/{bob_id}", json={"role": "admin"})
    assert (changed.json()["role"], changed.json()["userId"]) == ("admin", bob_id)
    assert (await bob.ask("GET", ACME + "/invitations")).status_code == 200
    refused = await bob.ask("PATCH", f"{ACME}/members/{bob_id}", json={"role": "owner"})
    assert (refused.status_code, refused.json()["code"]) == (403, "role.too_low")
    assert (await owner.ask("DELETE", f"{ACME}/members/{bob_id}")).status_code == 204
    assert (await bob.ask("GET", ACME)).status_code == 404


async def test_the_owner_leaves_after_handing_over(rest: Rest) -> None:
    owner = await founded(rest)
    _, bob_id = await joined(rest, owner, "bob@example.com")
    owner_id = (await owner.ask("GET", "/v1/me")).json()["user"]["id"]
    refused = await owner.ask("DELETE", f"{ACME}/members/{owner_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "owner.must_stay")
    assert (await owner.ask("PATCH", f"{ACME}/members/{bob_id}", json={"role": "owner"})).status_code == 200
    assert (await owner.ask("DELETE", f"{ACME}/members/{owner_id}")).status_code == 204
    assert (await owner.ask("GET", ACME)).status_code == 404


async def test_a_renamed_organization_keeps_its_old_urls(rest: Rest) -> None:
    owner = await founded(rest)
    changed = await owner.ask("PATCH", ACME, json={"slug": "ajax"})
    assert (changed.json()["slug"], changed.json()["name"]) == ("ajax", "Acme Inc.")
    for path in (ACME, "/v1/orgs/ajax"):
        assert (await owner.ask("GET", path)).json() == changed.json()
    stranger = await signed_up(rest, "stranger@example.com")
    taken = await stranger.ask("POST", "/v1/orgs", json={"slug": "acme"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name.taken")


async def test_deleting_says_what_goes_and_wants_the_name(rest: Rest) -> None:
    owner = await founded(rest)
    asked = await owner.ask("DELETE", ACME)
    assert (asked.status_code, asked.json()["code"]) == (409, "deletion.unconfirmed")
    assert asked.json()["contents"]["members"] == 1
    assert (await owner.ask("DELETE", ACME, params={"confirm": "acme"})).status_code == 204
    assert (await owner.ask("GET", ACME)).status_code == 404
    assert (await owner.ask("GET", "/v1/orgs")).json()["data"] == []
