"""Invitations through the client."""

import pytest

from jinba_mcp.client import NotFound
from tests.client.conftest import Open, client
from tests.faces.rest.conftest import Rest
from tests.worlds import PASSWORD


async def test_someone_is_invited_and_joins_with_a_new_account(rest: Rest, opened: Open) -> None:
    async with opened("admin") as jinba:
        made = await jinba.invitations.create("eve@example.org", role="member")
        assert [each["id"] async for each in jinba.invitations.list(limit=1)] == [made["id"]]
        assert made["link"] is not None
        token = made["link"].rpartition("/")[2]
        async with client(rest, "") as stranger:
            assert (await stranger.invitations.show(token))["email"] == "eve@example.org"
            joined = await stranger.invitations.accept(token, name="Eve", password=PASSWORD)
        assert joined["slug"] == "default"
        assert [(each["email"], each["role"]) async for each in jinba.members.list()] == [("eve@example.org", "member")]


async def test_who_has_an_account_joins_by_a_personal_key(opened: Open, opened_by: Open) -> None:
    async with opened("admin") as jinba, opened_by("ada@example.com", "read", "admin") as ada:
        link = (await jinba.invitations.create("ada@example.com"))["link"]
        assert link is not None
        await ada.invitations.accept(link.rpartition("/")[2])
        assert {each["slug"] async for each in ada.organizations.list()} == {"default", "other"}


async def test_a_withdrawn_invitation_is_good_for_nothing(opened: Open) -> None:
    async with opened("admin") as jinba:
        made = await jinba.invitations.create("eve@example.org")
        await jinba.invitations.withdraw(made["id"])
        assert [each async for each in jinba.invitations.list()] == []
        assert made["link"] is not None
        with pytest.raises(NotFound):
            await jinba.invitations.show(made["link"].rpartition("/")[2])
