"""Keys through the client."""

import pytest

from jinba_mcp.client import NotFound
from tests.client.conftest import Open


async def test_a_key_lives_through_the_client(opened: Open) -> None:
    async with opened("admin") as jinba:
        made = await jinba.keys.issue("Laptop", scopes=["read"], toolsets=["greeting-tools"])
        assert made["key"].startswith(made["prefix"].rstrip("…"))
        assert made["id"] in [key["id"] async for key in jinba.keys.list(limit=1)]
        changed = await jinba.keys.change(made["id"], name="Desk")
        assert (changed["name"], changed["toolsets"]) == ("Desk", ["greeting-tools"])
        assert (await jinba.keys.rotate(made["id"], overlap_s=60))["key"] != made["key"]
        assert (await jinba.keys.get(made["id"]))["name"] == "Desk"
        await jinba.keys.revoke(made["id"])
        with pytest.raises(NotFound):
            await jinba.keys.get(made["id"])


async def test_a_personal_key_makes_and_ends_others(opened_by: Open) -> None:
    async with opened_by("ada@example.com", "read", "admin") as ada:
        made = await ada.personal_keys.issue("Laptop", scopes=["read"])
        assert made["key"].startswith("jtb_")
        assert made["id"] in [key["id"] async for key in ada.personal_keys.list(limit=1)]
        await ada.personal_keys.revoke(made["id"])
        assert made["id"] not in [key["id"] async for key in ada.personal_keys.list()]
