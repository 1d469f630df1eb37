"""Requests are counted for their key, or for the address of whoever has none; REST and MCP test the rest."""

from typing import Any

import pytest

from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import KeyMissing, RateExceeded
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.faces.web import limits
from tests.worlds import World


class CountingLimits:
    """Notes what is counted, and lets the first two in."""

    def __init__(self) -> None:
        self.counted: list[Any] = []

    async def request(self, caller: Caller, organization: str | None) -> None:
        self._count((caller.key_id, organization))

    async def stranger(self, address: str | None) -> None:
        self._count(address)

    def _count(self, what: Any) -> None:
        self.counted.append(what)
        if len(self.counted) > 2:
            raise RateExceeded("address", 2, 60, 1)


class Counting:
    """A core with such limits."""

    def __init__(self, core: Core) -> None:
        self.keys, self.sessions, self.limits = core.keys, core.sessions, CountingLimits()


@pytest.fixture
def database_kind() -> str:
    """The databases make no difference here."""
    return "sqlite"


def a_scope(**fields: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "headers": [], "client": ("192.0.2.1", 4), **fields}


async def test_a_missing_key_counts_for_the_address_until_it_is_too_many(world: World) -> None:
    core: Any = Counting(world.core)
    for error in (KeyMissing, KeyMissing, RateExceeded):
        with pytest.raises(error):
            await limits.known(core, a_scope())
    assert core.limits.counted == ["192.0.2.1"] * 3


async def test_a_caller_is_counted_with_the_organization_in_the_path(world: World) -> None:
    core: Any = Counting(world.core)
    caller = await world.key(Scope.READ)
    await limits.count(core, a_scope(), caller)
    await limits.count(core, a_scope(path_params={"org": "default"}), caller)
    assert core.limits.counted == [(caller.key_id, None), (caller.key_id, "default")]


async def test_a_client_without_an_address_is_counted_all_the_same(world: World) -> None:
    core: Any = Counting(world.core)
    await limits.count_stranger(core, a_scope(client=None))
    assert core.limits.counted == [None]
