"""Who may see and change a balance, what runs take from it, and what comes back."""

from dataclasses import replace

import anyio
import pytest

from jinba_mcp.authoring.archives import read_archive
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.credits import CreditChange
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.credits import MAX_BALANCE, CreditKind, CreditTransaction
from jinba_mcp.domain.errors import (
    Conflict,
    CreditsInsufficient,
    CreditsReferenceReused,
    FieldsInvalid,
    OperatorNeeded,
    OrganizationNotFound,
    SandboxUnavailable,
    ScopeMissing,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter, RunSource
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from tests.core.conftest import OpenCore
from tests.worlds import PretendedSandbox, World

FAIL = """
def run():
    raise ValueError("no")
"""


async def metered(world: World, balance: int, **prices: int) -> None:
    """The organization `default` has that balance, and a published ToolSet with these prices."""
    await world.publish(greet='def run(name: str = "") -> dict:\n    return {}\n', fail=FAIL)
    await world.core.drafts.change(world.operator, "default", "greeting-tools", {"prices": prices})
    await change(world, CreditKind.SET, balance)


async def change(world: World, kind: CreditKind, amount: int = 0, reference: str | None = None) -> CreditTransaction:
    wanted = CreditChange(kind=kind, amount=amount, reference=reference)
    return await world.core.credits.change(world.operator, "default", wanted)


async def balance(world: World) -> int | None:
    return await world.core.credits.balance(world.operator, "default")


async def ledger(world: World) -> list[CreditTransaction]:
    return list((await world.core.credits.page(world.operator, "default", PageRequest(limit=200))).items)


async def run_count(world: World) -> int:
    page = await world.core.history.page(world.operator, "default", RunFilter(), PageRequest(limit=200))
    return len(page.items)


async def test_an_organization_has_no_balance_until_the_operator_gives_it_one(world: World) -> None:
    assert await balance(world) is None
    await change(world, CreditKind.GRANT, 5)
    await change(world, CreditKind.GRANT, 5)
    assert await balance(world) == 10
    await change(world, CreditKind.SET, 3)
    assert await balance(world) == 3
    await change(world, CreditKind.UNSET)
    assert await balance(world) is None
    lines = await ledger(world)
    assert [(line.kind.value, line.amount, line.balance) for line in reversed(lines)] == [
        ("grant", 5, 5),
        ("grant", 5, 10),
        ("set", -7, 3),
        ("unset", -3, None),
    ]


async def test_only_the_operator_changes_a_balance_and_only_readers_see_it(world: World) -> None:
    wanted = CreditChange(kind=CreditKind.GRANT, amount=1)
    with pytest.raises(OperatorNeeded):
        await world.core.credits.change(await world.key(Scope.ADMIN), "default", wanted)
    with pytest.raises(ScopeMissing):
        await world.core.credits.balance(await world.key(Scope.EXECUTE), "default")
    with pytest.raises(OrganizationNotFound):
        await world.core.credits.balance(await world.key(Scope.READ, organization="other"), "default")
    assert await balance(world) is None


async def test_a_change_of_one_reference_happens_once(world: World) -> None:
    first = await change(world, CreditKind.GRANT, 5, "invoice 1")
    assert await change(world, CreditKind.GRANT, 5, "invoice 1") == first
    assert await balance(world) == 5
    for kind, amount in ((CreditKind.GRANT, 6), (CreditKind.SET, 5)):
        with pytest.raises(CreditsReferenceReused):
            await change(world, kind, amount, "invoice 1")


@pytest.mark.parametrize("kind", [CreditKind.CHARGE, CreditKind.REFUND])
async def test_what_runs_do_to_a_balance_is_not_done_by_hand(world: World, kind: CreditKind) -> None:
    with pytest.raises(FieldsInvalid):
        await change(world, kind, 1)


@pytest.mark.slow  # a thousand transactions
async def test_a_balance_has_an_end_and_what_is_not_there_is_not_unset(world: World) -> None:
    with pytest.raises(Conflict):
        await change(world, CreditKind.UNSET)
    for _ in range(MAX_BALANCE // 10**12):
        await change(world, CreditKind.GRANT, 10**12)
    with pytest.raises(FieldsInvalid):
        await change(world, CreditKind.GRANT, 1)
    assert await balance(world) == MAX_BALANCE


async def test_a_change_is_audited(world: World) -> None:
    line = await change(world, CreditKind.GRANT, 5)
    async with world.store.read() as tx:
        entries = await tx.audit.following(world.operator.grants[0].organization_id, 0, 100)
    said = next(entry for entry in entries if entry.action == "credits.changed")
    assert (said.target, said.before, said.after) == (line.id, {"balance": None}, {"balance": 5, "kind": "grant"})


async def test_a_run_takes_the_price_of_its_tool_and_others_nothing(world: World) -> None:
    await metered(world, 10, greet=4)
    run = await world.call(world.operator)
    await world.call(world.operator, "greeting-tools/fail")
    assert await balance(world) == 6
    assert (await ledger(world))[0].run_id == run.id


async def test_a_run_that_fails_by_itself_is_paid_for(world: World) -> None:
    await metered(world, 10, fail=4)
    assert not (await world.call(world.operator, "greeting-tools/fail")).succeeded
    assert await balance(world) == 6


async def test_what_cannot_be_paid_does_not_run_and_is_not_recorded(world: World) -> None:
    await metered(world, 3, greet=4)
    with pytest.raises(CreditsInsufficient):
        await world.call(world.operator)
    assert (await run_count(world), await balance(world), world.observed) == (0, 3, [])


async def test_a_price_holds_from_the_next_run_on_without_a_new_version(world: World) -> None:
    await metered(world, 10)
    before = await world.call(world.operator)
    await world.core.drafts.change(world.operator, "default", "greeting-tools", {"prices": {"greet": 7}})
    after = await world.call(world.operator)
    assert (before.version, await balance(world)) == (after.version, 3)


async def test_an_organization_that_is_not_metered_runs_what_has_a_price(world: World) -> None:
    await metered(world, 10, greet=4)
    await change(world, CreditKind.UNSET)
    await world.call(world.operator)
    assert await balance(world) is None


async def test_a_stranger_pays_for_a_public_tool_not_its_owner(world: World) -> None:
    await metered(world, 10, greet=4)
    stranger = await world.key(Scope.EXECUTE, organization="other")
    owner = await world.core.organizations.operator("other")
    await world.core.credits.change(owner, "other", CreditChange(kind=CreditKind.SET, amount=4))
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet", is_public=True)
    await world.core.runs.call(stranger, ref, {}, CallContext(source=RunSource.REST))
    assert (await world.core.credits.balance(owner, "other"), await balance(world)) == (0, 10)


async def test_a_repeat_is_not_paid_twice_and_what_cannot_be_paid_leaves_the_key_free(world: World) -> None:
    await metered(world, 6, greet=4)
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")
    context = CallContext(source=RunSource.REST)
    for is_repeated in (False, True):
        answer = await world.core.runs.call_once(world.operator, ref, {}, context, "first")
        assert answer.is_repeated is is_repeated
    assert await balance(world) == 2
    with pytest.raises(CreditsInsufficient):
        await world.core.runs.call_once(world.operator, ref, {}, context, "second")
    await change(world, CreditKind.GRANT, 2)
    assert not (await world.core.runs.call_once(world.operator, ref, {}, context, "second")).is_repeated


async def test_a_run_that_could_not_start_gives_its_price_back(world: World, sandbox: PretendedSandbox) -> None:
    sandbox.is_up = True
    await metered(world, 10, greet=4)
    await world.core.drafts.change(world.operator, "default", "greeting-tools", {"sandbox": Sandbox(provider="local")})
    publication = Publication(activate=True)
    await world.core.versions.publish(world.operator, "default", "greeting-tools", publication)
    sandbox.is_up = False
    with pytest.raises(SandboxUnavailable):
        await world.call(world.operator)
    assert await balance(world) == 10
    assert [line.kind.value for line in await ledger(world)] == ["refund", "charge", "set"]


@pytest.mark.slow
async def test_fifty_spenders_in_two_processes_get_what_the_balance_pays_for_and_no_more(
    world: World, open_core: OpenCore
) -> None:
    await metered(world, 100, greet=1)
    others = await open_core()
    refused: list[CreditsInsufficient] = []

    async def spend(core: World) -> None:
        for _ in range(3):
            try:
                await core.call(world.operator)
            except CreditsInsufficient as error:
                refused.append(error)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(spend, world if number % 2 else replace(world, core=others))
    assert (await run_count(world), len(refused), await balance(world)) == (100, 50, 0)
    assert sum(line.amount for line in await ledger(world)) == 0


async def test_prices_go_with_an_exported_toolset(world: World) -> None:
    await metered(world, 10, greet=4)
    packed = await world.core.archives.export(world.operator, "default", "greeting-tools")
    assert read_archive(packed).listing.prices == {"greet": 4}
