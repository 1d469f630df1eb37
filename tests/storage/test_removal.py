"""Removing a thing with all that hangs from it: nothing stays, and nothing else goes."""

import pytest
from sqlalchemy import func, select

from jinba_mcp.core.audit import fact
from jinba_mcp.domain.credits import CreditKind
from jinba_mcp.domain.deliveries import trial_of
from jinba_mcp.domain.env import Variable
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.organizations import Organization, Removal
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.organizations import OrganizationRow
from jinba_mcp.storage.removal import belonging
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import Row, table_of
from tests.storage.records import (
    NOW,
    a_digest,
    a_key,
    a_run,
    a_snapshot,
    a_user,
    stored_organization,
    stored_toolset,
)
from tests.storage.test_credits import a_line
from tests.storage.test_invitations import an_invitation
from tests.storage.test_webhooks import a_webhook

ORGANIZATIONS = table_of(OrganizationRow)


async def furnished(store: Store, slug: str) -> Organization:
    """An organization with one of each thing."""
    organization = await stored_organization(store, slug)
    toolset, user = await stored_toolset(store, organization), a_user(f"{slug}@example.com")
    async with store.begin() as tx:
        await tx.versions.add(a_snapshot(toolset.id))
        await tx.env.save(Variable(toolset_id=toolset.id, key="K", value="v", sealed=None, updated_at=NOW))
        await tx.keys.add(a_key(organization.id), a_digest())
        await tx.users.add(user)
        await tx.members.add(Membership(organization_id=organization.id, user_id=user.id, role=Role.OWNER))
        await tx.invitations.add(an_invitation(organization.id), a_digest())
        await tx.audit.add(fact(None, "organization.created", slug, organization_id=organization.id, at=NOW))
        webhook = a_webhook(organization.id)
        await tx.webhooks.add(webhook)
        await tx.deliveries.add(trial_of(webhook, NOW))
        await tx.credits.add(a_line(CreditKind.SET, 10, 10).model_copy(update={"organization_id": organization.id}))
    run = a_run(organization.id)
    await store.journal.start(run)
    await store.journal.finish(run.finished(RunStatus.SUCCESS, at=NOW))
    return organization


async def counted(store: Store) -> dict[str, int]:
    async with store._database.reading() as driver:
        return {
            table.name: (await driver.execute(select(func.count()).select_from(table))).scalar_one()
            for table in Row.metadata.sorted_tables
        }


async def test_an_organization_takes_all_of_its_own_and_nothing_of_others(store: Store) -> None:
    await furnished(store, "staying")
    before = await counted(store)
    gone = await furnished(store, "gone")
    async with store.begin() as tx:
        contents = await tx.organizations.contents(gone.id)
        await tx.organizations.remove(gone, NOW)
        assert await tx.organizations.removals() == [Removal(organization_id=gone.id, removed_at=NOW)]
        rounds = 0
        while await tx.organizations.remove_loose(gone.id):
            rounds += 1
        assert rounds == len(["delivery", "run", "run_ended"])
        await tx.organizations.forget_removal(gone.id)
    after = await counted(store)
    assert set(contents.model_dump().values()) == {1}
    expected = before | {"user": 2, "former_slug": 1, "generation": 1, "audit": 2, "audit_head": 2}
    assert {name: after[name] for name in after if name != "process"} == {
        name: expected[name] for name in expected if name != "process"
    }


def test_every_table_with_a_foreign_key_leads_somewhere() -> None:
    below = {table.name for table in Row.metadata.sorted_tables if belonging(table, ORGANIZATIONS, "org_1") is not None}
    assert {"organization", "toolset", "version", "draft", "env", "toolset_tag", "key", "key_digest"} < below
    assert {"user", "run", "audit", "former_slug", "session", "password"}.isdisjoint(below)


async def test_a_run_that_waits_to_be_filed_goes_before_it_is_no_more_known_whose_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.storage.removal.AT_ONCE", 1)
    for organization in ("org_gone", "org_gone", "org_staying"):
        await store.journal.record(a_run(organization, status=RunStatus.FAILED, finished_at=NOW))
    for waiting, runs in ((2, 3), (1, 3), (1, 2), (1, 1)):
        async with store.begin() as tx:
            assert await tx.organizations.remove_loose(OrganizationId("org_gone"))
        after = await counted(store)
        assert (after["run_ended"], after["run"]) == (waiting, runs)
    async with store.begin() as tx:
        assert not await tx.organizations.remove_loose(OrganizationId("org_gone"))


async def test_runs_go_by_and_by(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.storage.removal.AT_ONCE", 2)
    for _ in range(5):
        await store.journal.start(a_run("org_gone"))
    await store.journal.start(a_run("org_staying"))
    rounds = 0
    async with store.begin() as tx:
        while await tx.organizations.remove_loose(OrganizationId("org_gone")):
            rounds += 1
    assert rounds == 3
    assert (await counted(store))["run"] == 1
