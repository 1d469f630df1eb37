"""Organizations through the client, and the user of a personal key."""

import pytest

from jinba_mcp.client import Conflict, Forbidden, NotFound
from tests.client.conftest import Open

ADA = "ada@example.com"


async def test_an_organization_is_made_changed_and_deleted(opened_by: Open) -> None:
    async with opened_by(ADA, "admin") as ada:
        assert (await ada.organizations.create("acme", name="Acme Inc."))["name"] == "Acme Inc."
        assert (await ada.organizations.change(slug="ajax", organization="acme"))["slug"] == "ajax"
        assert (await ada.organizations.change(name="Ajax", organization="ajax"))["name"] == "Ajax"
        with pytest.raises(Conflict) as unconfirmed:
            await ada.organizations.delete("ajax")
        assert unconfirmed.value.code == "deletion.unconfirmed"
        await ada.organizations.delete("ajax", confirm="ajax")
        with pytest.raises(NotFound):
            await ada.organizations.get("ajax")


async def test_organizations_are_made_by_users(opened: Open) -> None:
    async with opened("admin") as jinba:
        with pytest.raises(Forbidden):
            await jinba.organizations.create("acme")


async def test_the_configuration_is_that_of_one_client_or_of_all(opened: Open) -> None:
    async with opened("read") as jinba:
        assert set(await jinba.organizations.mcp_config(client="cursor")) == {"mcpServers"}
        assert {"cursor", "vscode"} <= set(await jinba.organizations.mcp_config())


async def test_a_user_is_renamed(opened_by: Open) -> None:
    async with opened_by(ADA, "admin") as ada:
        assert (await ada.rename_me("Countess"))["name"] == "Countess"
        user = (await ada.me())["user"]
    assert user is not None
    assert user["name"] == "Countess"
