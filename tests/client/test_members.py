"""Members through the client."""

import pytest

from jinba_mcp.client import Conflict, NotFound
from jinba_mcp.domain.scopes import Role
from tests.client.conftest import Open, add_user
from tests.faces.rest.conftest import Rest


async def test_members_are_listed_given_roles_and_removed(rest: Rest, opened_by: Open) -> None:
    await add_user(rest, "ada@example.org", Role.OWNER)
    rest.clock.advance(seconds=1)
    await add_user(rest, "bob@example.org")
    async with opened_by("ada@example.org", "admin") as jinba:
        ada, bob = [each async for each in jinba.members.list(limit=1)]
        assert (ada["role"], bob["email"]) == ("owner", "bob@example.org")
        assert (await jinba.members.set_role(bob["userId"], "admin"))["role"] == "admin"
        with pytest.raises(Conflict):
            await jinba.members.remove(ada["userId"])
        await jinba.members.remove(bob["userId"])
        assert [each["email"] async for each in jinba.members.list()] == ["ada@example.org"]
        with pytest.raises(NotFound):
            await jinba.members.remove(bob["userId"])
