"""The catalog: which tools an endpoint offers to whom, and when that is worth telling."""

from typing import Any

import pytest

from jinba_mcp.core.catalog import Endpoint, ToolSetRef, offer_named
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.errors import EndpointNotFound, OrganizationNotFound, ScopeMissing, ToolNotFound
from jinba_mcp.domain.scopes import Scope
from tests.worlds import World

CODE = "def run() -> dict: return {}"
GREETING = Endpoint(toolset=ToolSetRef(organization="default", toolset="greeting-tools"))


async def names(world: World, endpoint: Endpoint, *scopes: Scope, **terms: Any) -> list[str]:
    caller = await world.key(*(scopes or (Scope.EXECUTE,)), **terms)
    return list((await world.core.catalog.offers(caller, endpoint)).by_name)


async def test_one_toolset_offers_its_tools_by_their_own_names(world: World) -> None:
    await world.publish(b=CODE, a=CODE)
    assert await names(world, GREETING) == ["a", "b"]
    assert await names(world, GREETING, Scope.READ) == ["a", "b"]
    with pytest.raises(ScopeMissing):
        await names(world, GREETING, Scope.WRITE)


async def test_several_toolsets_offer_theirs_with_the_toolset_in_front(world: World) -> None:
    await world.publish("one-tools", a=CODE)
    await world.publish("two-tools", a=CODE)
    expected = ["one-tools__a", "two-tools__a"]
    assert await names(world, Endpoint(organization="default")) == expected
    assert await names(world, Endpoint()) == expected
    assert await names(world, Endpoint(), toolsets=("two-tools",)) == ["two-tools__a"]
    with pytest.raises(OrganizationNotFound):
        await names(world, Endpoint(organization="other"))


async def test_same_slugs_of_two_organizations_stay_apart(world: World) -> None:
    for slug in ("one", "two"):
        world.clock.advance(seconds=1)
        await world.core.organizations.create(world.operator, slug, slug, owner_email="ada@example.com")
        await world.publish("same-tools", organization=slug, a=CODE)
    terms = KeyTerms(name="ada", scopes=(Scope.EXECUTE,))
    issued = await world.core.keys.issue_personal(world.operator, terms, email="ada@example.com")
    ada = await world.core.keys.authenticate(issued.secret)
    offers = await world.core.catalog.offers(ada, Endpoint())
    assert list(offers.by_name) == ["same-tools__a", "two__same-tools__a"]
    assert {offer.ref.organization for offer in offers.by_name.values()} == {"one", "two"}


async def test_what_is_not_offered_is_not_found(world: World) -> None:
    await world.publish()
    caller = await world.key(Scope.EXECUTE)
    offers = await world.core.catalog.offers(caller, GREETING)
    with pytest.raises(ToolNotFound):
        offer_named(offers, "nothing")
    for toolset in ("nothing", "", "a\x00b"):
        with pytest.raises(EndpointNotFound):
            await world.core.catalog.offers(
                caller, Endpoint(toolset=ToolSetRef(organization="default", toolset=toolset))
            )


async def test_the_fingerprint_moves_with_what_is_offered_and_with_nothing_else(world: World) -> None:
    await world.publish()
    caller = await world.key(Scope.EXECUTE)

    async def fingerprint() -> str:
        return (await world.core.catalog.offers(caller, GREETING)).fingerprint

    before = await fingerprint()
    await world.publish("other-tools")
    await world.publish(greet="def run(name: str) -> dict: return {'new': 'code'}")
    assert await fingerprint() == before
    await world.publish(greet="def run(name: str, loud: bool = False) -> dict: return {}")
    assert await fingerprint() != before


async def test_a_pinned_endpoint_stays_where_it_is(world: World) -> None:
    await world.publish(a=CODE)
    await world.publish(b=CODE)
    pinned = Endpoint(toolset=ToolSetRef(organization="default", toolset="greeting-tools", version="1.0.0"))
    assert await names(world, pinned) == ["a"]
    assert await names(world, GREETING) == ["b"]
