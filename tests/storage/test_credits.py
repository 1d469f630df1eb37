"""The ledger: charges once, refunds once, and lines that add up to the balance."""

from datetime import UTC, datetime, timedelta

import pytest

from jinba_mcp.domain import ids
from jinba_mcp.domain.credits import CreditKind, CreditTransaction
from jinba_mcp.domain.errors import CreditsInsufficient
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunSource, RunStatus
from jinba_mcp.storage.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORG = OrganizationId("org_1")


def a_run() -> Run:
    return Run(
        id=ids.run_id(NOW), organization_id=ORG, toolset_slug="a", tool_slug="b", version_id="ver_1", version="1.0.0",
        version_digest="d", source=RunSource.REST, status=RunStatus.RUNNING, input={}, created_at=NOW, started_at=NOW,
    )  # fmt: skip


def a_line(kind: CreditKind, amount: int, balance: int | None, reference: str | None = None) -> CreditTransaction:
    return CreditTransaction(
        id=ids.credit_id(NOW), organization_id=ORG, kind=kind, amount=amount, balance=balance, reference=reference,
        created_by="operator", created_at=NOW,
    )  # fmt: skip


@pytest.fixture
async def metered(store: Store) -> Store:
    """A store whose organization has ten credits."""
    async with store.begin() as tx:
        await tx.organizations.add(Organization(id=ORG, slug="acme", name="Acme", created_at=NOW))
        await tx.credits.add(a_line(CreditKind.SET, 10, 10, "first"))
    return store


async def balance(store: Store) -> int | None:
    async with store.read() as tx:
        return await tx.credits.balance(ORG)


async def lines(store: Store) -> list[CreditTransaction]:
    async with store.read() as tx:
        return list((await tx.credits.page(ORG, PageRequest())).items)


async def test_an_organization_without_a_balance_is_not_charged(store: Store) -> None:
    async with store.begin() as tx:
        await tx.organizations.add(Organization(id=ORG, slug="acme", name="Acme", created_at=NOW))
        await tx.credits.charge(a_run(), 5)
    assert (await balance(store), await lines(store)) == (None, [])


async def test_a_charge_takes_the_price_and_says_for_which_run(metered: Store) -> None:
    run = a_run()
    async with metered.begin() as tx:
        await tx.credits.charge(run, 4)
    charge = (await lines(metered))[0]
    assert (charge.kind, charge.amount, charge.balance, charge.run_id) == (CreditKind.CHARGE, -4, 6, run.id)
    assert await balance(metered) == 6


async def test_nothing_is_taken_where_there_is_too_little(metered: Store) -> None:
    with pytest.raises(CreditsInsufficient, match="costs 11 credits, and 10 are left") as caught:
        async with metered.begin() as tx:
            await tx.credits.charge(a_run(), 11)
    assert caught.value.details == {"balance": 10, "price": 11}
    assert await balance(metered) == 10
    assert len(await lines(metered)) == 1


async def test_what_was_taken_is_given_back_once(metered: Store) -> None:
    run, other = a_run(), a_run()
    async with metered.begin() as tx:
        await tx.credits.charge(run, 4)
        await tx.credits.charge(other, 1)
    for _ in range(2):
        async with metered.begin() as tx:
            await tx.credits.give_back([run.id, a_run().id], NOW + timedelta(seconds=1))
    assert await balance(metered) == 9
    found = await lines(metered)
    assert sum(line.amount for line in found) == 9
    assert [line.kind for line in found].count(CreditKind.REFUND) == 1


async def test_nothing_is_given_back_to_who_is_not_metered_any_more(metered: Store) -> None:
    run = a_run()
    async with metered.begin() as tx:
        await tx.credits.charge(run, 4)
        await tx.credits.add(a_line(CreditKind.UNSET, -6, None))
        await tx.credits.give_back([run.id], NOW)
    assert await balance(metered) is None
    assert sum(line.amount for line in await lines(metered)) == 0


async def test_a_line_is_found_by_its_reference(metered: Store) -> None:
    async with metered.read() as tx:
        found = await tx.credits.find(ORG, "first")
        assert found is not None
        assert found.amount == 10
        assert await tx.credits.find(ORG, "second") is None
        assert await tx.credits.find(OrganizationId("org_2"), "first") is None


async def test_the_ledger_goes_with_its_organization(metered: Store) -> None:
    async with metered.begin() as tx:
        await tx.organizations.remove(await tx.organizations.get("acme"), NOW)
    assert (await balance(metered), await lines(metered)) == (None, [])
