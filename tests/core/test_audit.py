"""What the audit log is told, who reads it, and that nothing can be done to it unseen."""

from typing import Any

import pytest
from sqlalchemy import ColumnElement, Executable, delete, insert, select, text, update

from jinba_mcp import logs
from jinba_mcp.core import audit
from jinba_mcp.core.audit import MAX_SIDE_BYTES, digested, fact
from jinba_mcp.domain.audit import MAX_FAULTS, ActorKind, AuditFact, AuditFilter, ChainReport, chained
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.errors import CursorInvalid, OperatorNeeded, OrganizationNotFound, ScopeMissing
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.storage.audit import AuditHeadRow, AuditRow
from jinba_mcp.storage.tables import table_of, values_of
from tests.storage.records import NOW
from tests.worlds import World

ACME = OrganizationId("org_1")


def test_a_fact_says_who_and_from_where() -> None:
    tokens = logs.client_address.set("10.0.0.1"), logs.request_id.set("r1")
    try:
        said = fact(operator(), "key.revoked", "key_1", organization_id=ACME, at=NOW, before={"name": "Laptop"})
    finally:
        logs.client_address.reset(tokens[0])
        logs.request_id.reset(tokens[1])
    assert (said.actor, said.address, said.request_id) == (ActorKind.OPERATOR, "10.0.0.1", "r1")
    assert (said.action, said.target, said.before, said.after) == ("key.revoked", "key_1", {"name": "Laptop"}, None)


def test_the_server_itself_is_an_actor() -> None:
    assert fact(None, "run.swept", "500", organization_id=ACME, at=NOW).actor is ActorKind.SYSTEM


def test_a_side_that_is_too_large_is_kept_as_its_digest() -> None:
    large: JsonObject = {"text": "x" * MAX_SIDE_BYTES}
    after = fact(operator(), "tool.changed", "a", organization_id=ACME, at=NOW, after=large).after
    assert after is not None
    assert set(after) == {"digest", "bytes"}


def test_equal_secrets_have_equal_digests_and_are_not_in_them() -> None:
    assert digested("hunter22") == digested("hunter22") != digested("hunter23")
    assert "hunter" not in digested("hunter22")


ENTRIES, HEADS = table_of(AuditRow), table_of(AuditHeadRow)


def in_chain(organization_id: str) -> ColumnElement[bool]:
    return ENTRIES.c.chain == organization_id


async def default_id(world: World) -> OrganizationId:
    return world.operator.require("default", Scope.ADMIN)


async def written(world: World, count: int = 5) -> OrganizationId:
    """The default organization, whose chain ends in `count` entries of keys."""
    for number in range(count):
        await world.key(Scope.READ, name=f"key {number}")
    return await default_id(world)


async def do(world: World, *statements: Executable) -> None:
    """What someone does who can write to the database."""
    async with world.store.begin() as tx:
        for statement in statements:
            await tx.audit._connection.write(statement)


async def reports(world: World) -> dict[str, ChainReport]:
    return {report.organization_id or "": report async for report in world.core.audit.verify(operator())}


async def faults(world: World, organization_id: OrganizationId) -> list[tuple[int, str]]:
    """What is wrong with one chain; every other one is whole."""
    found = await reports(world)
    assert [chain for chain, report in found.items() if not report.is_intact] in ([], [organization_id])
    return [(fault.sequence, fault.detail) for fault in found[organization_id].faults]


async def test_a_log_that_nobody_touched_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    organization_id = await written(world)
    await world.user("ada@example.com", Role.MEMBER)
    found = await reports(world)
    assert all(report.is_intact for report in found.values())
    assert {"", organization_id} <= found.keys()
    assert found[organization_id].entry_count == found[organization_id].head.sequence >= 5


@pytest.mark.parametrize("size", [2, 500])
@pytest.mark.parametrize(
    "values",
    [
        {"action": "key.kept"},
        {"target": "key_0"},
        {"after": {"name": "innocent"}},
        {"address": "10.0.0.1"},
        {"user_id": "user_0"},
        {"digest": "sha256:0"},
        {"actor": "nobody"},
        {"before": "[broken"},
        {"created_at": NOW},
        {"organization_id": "org_0"},
    ],
    ids=str,
)
async def test_an_entry_that_was_edited_is_found(
    world: World, values: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", size)
    organization_id = await written(world)
    if isinstance(values.get("before"), str):
        edit: Any = text("UPDATE audit SET before = '[broken' WHERE chain = :chain AND sequence = 3")
        edit = edit.bindparams(chain=organization_id)
    else:
        edit = update(ENTRIES).where(in_chain(organization_id), ENTRIES.c.sequence == 3).values(values)
    await do(world, edit)
    found = await faults(world, organization_id)
    assert found[0] == (3, "the entry was changed")
    # What names the entry by its digest no longer does when the digest is what was edited.
    assert len(found) == (2 if "digest" in values else 1)


async def test_an_entry_that_was_removed_is_found(world: World) -> None:
    organization_id = await written(world)
    await do(world, delete(ENTRIES).where(in_chain(organization_id), ENTRIES.c.sequence == 3))
    assert await faults(world, organization_id) == [(3, "entry 3 is missing")]


async def test_the_first_entries_that_were_removed_are_found(world: World) -> None:
    organization_id = await written(world)
    await do(world, delete(ENTRIES).where(in_chain(organization_id), ENTRIES.c.sequence < 3))
    assert await faults(world, organization_id) == [(1, "entries 1 to 2 are missing")]


async def test_the_last_entries_that_were_removed_are_found(world: World) -> None:
    organization_id = await written(world)
    last = (await reports(world))[organization_id].head.sequence
    await do(world, delete(ENTRIES).where(in_chain(organization_id), ENTRIES.c.sequence > last - 2))
    assert await faults(world, organization_id) == [(last - 1, f"entries {last - 1} to {last} are missing at the end")]
    await do(world, delete(ENTRIES).where(in_chain(organization_id)))
    assert await faults(world, organization_id) == [(1, f"entries 1 to {last} are missing at the end")]


async def test_a_head_that_was_removed_is_found(world: World) -> None:
    organization_id = await written(world)
    await do(world, delete(HEADS).where(HEADS.c.chain.in_([organization_id])))
    assert await faults(world, organization_id) == [(1, "what follows was added past the head")]


async def test_a_head_that_was_moved_back_is_found(world: World) -> None:
    organization_id = await written(world)
    fourth = select(ENTRIES.c.digest).where(in_chain(organization_id), ENTRIES.c.sequence == 4).scalar_subquery()
    moved = update(HEADS).where(HEADS.c.chain.in_([organization_id])).values(sequence=4, digest=fourth)
    await do(world, moved)
    assert await faults(world, organization_id) == [(5, "what follows was added past the head")]


async def test_entries_that_changed_places_are_found(world: World) -> None:
    organization_id = await written(world)
    places = [(2, 1000), (3, 2), (1000, 3)]
    for old, new in places:
        here = in_chain(organization_id) & (ENTRIES.c.sequence == old)
        await do(world, update(ENTRIES).where(here).values(sequence=new))
    found = await faults(world, organization_id)
    assert [fault for fault in found if fault[1] == "the entry was changed"] == [
        (2, "the entry was changed"),
        (3, "the entry was changed"),
    ]


async def test_an_entry_that_was_put_in_is_found_wherever_it_stands(world: World) -> None:
    organization_id = await written(world)
    head = (await reports(world))[organization_id].head
    said = fact(operator(), "key.created", "key_0", organization_id=organization_id, at=NOW)
    for before, detail in ((-1, "the entry was inserted"), (head.sequence, "what follows was added past the head")):
        forged = chained(said.model_copy(update={"id": f"aud_{before}"}), head.sequence + 1, head.digest)
        values = {**values_of(forged), "chain": organization_id, "sequence": before + 1}
        if before > 0:
            values |= values_of(forged) | {"chain": organization_id}
        await do(world, insert(ENTRIES).values(values))
        assert (before + 1, detail) in await faults(world, organization_id)
        await do(world, delete(ENTRIES).where(ENTRIES.c.id == forged.id))
    assert await faults(world, organization_id) == []


async def test_an_entry_that_was_replaced_by_a_whole_one_is_found_by_the_next(world: World) -> None:
    organization_id = await written(world)
    async with world.store.read() as tx:
        second, third = await tx.audit.following(organization_id, 1, 2)
    said = AuditFact.model_validate({**third.model_dump(include=set(AuditFact.model_fields)), "target": "key_0"})
    forged = chained(said, 3, second.digest)
    here = in_chain(organization_id) & (ENTRIES.c.sequence == 3)
    await do(world, update(ENTRIES).where(here).values(target="key_0", digest=forged.digest))
    assert await faults(world, organization_id) == [(4, "the entry does not follow the one before it")]


async def test_an_entry_of_another_chain_is_found_in_this_one(world: World) -> None:
    organization_id = await written(world)
    last = (await reports(world))[organization_id].head.sequence
    await world.key(Scope.READ, organization="other")
    await do(
        world,
        delete(ENTRIES).where(in_chain(organization_id), ENTRIES.c.sequence == last),
        update(ENTRIES).where(in_chain(organization_id)).values(chain="org_forged"),
    )
    found = await reports(world)
    assert not found[organization_id].is_intact
    details = {fault.detail for fault in found["org_forged"].faults}
    assert {"the entry belongs to another chain", "what follows was added past the head"} <= details


async def test_not_more_faults_are_told_than_help(world: World) -> None:
    organization_id = await written(world, MAX_FAULTS + 5)
    await do(world, update(ENTRIES).where(in_chain(organization_id)).values(address="10.0.0.1"))
    assert len(await faults(world, organization_id)) == MAX_FAULTS


async def test_what_is_appended_while_it_is_verified_is_no_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    await written(world)
    seen = []
    async for report in world.core.audit.verify(operator()):
        seen.append(report)
        await world.key(Scope.READ)
        await world.key(Scope.READ, organization="other")
    assert all(report.is_intact for report in seen)


async def test_an_admin_reads_the_log_of_the_own_organization_in_pages(world: World) -> None:
    admin = await world.key(Scope.ADMIN)
    issued = AuditFilter(action="key.created")
    await written(world, 3)
    first = await world.core.audit.page(admin, "default", issued, PageRequest(limit=2))
    rest = await world.core.audit.page(admin, "default", issued, PageRequest(limit=2, after=first.next_cursor))
    names = [(entry.after or {}).get("name") for entry in (*first.items, *rest.items)]
    assert names == ["key 2", "key 1", "key 0", "test"]
    assert rest.next_cursor is None
    with pytest.raises(OrganizationNotFound):
        await world.core.audit.page(admin, "other", issued, PageRequest())


async def test_nobody_else_reads_it(world: World) -> None:
    writer = await world.key(Scope.READ, Scope.WRITE, Scope.EXECUTE)
    with pytest.raises(ScopeMissing):
        await world.core.audit.page(writer, "default", AuditFilter(), PageRequest())
    admin = await world.key(Scope.ADMIN)
    with pytest.raises(OperatorNeeded):
        await world.core.audit.page_of_installation(admin, AuditFilter(), PageRequest())
    with pytest.raises(OperatorNeeded):
        await anext(world.core.audit.verify(admin))


async def test_the_operator_reads_what_is_no_organizations(world: World) -> None:
    user = await world.user("ada@example.com")
    page = await world.core.audit.page_of_installation(operator(), AuditFilter(target=user.id), PageRequest())
    assert [entry.organization_id for entry in page.items] == [None]


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "\u0663", "9" * 10])
async def test_a_cursor_of_no_list_is_refused(world: World, after: str) -> None:
    with pytest.raises(CursorInvalid):
        await world.core.audit.page(world.operator, "default", AuditFilter(), PageRequest(after=after))


async def test_new_keys_for_secrets_are_on_record(world: World) -> None:
    await world.core.env.rotate(world.operator)
    rotated = AuditFilter(action="secrets.rotated")
    page = await world.core.audit.page_of_installation(operator(), rotated, PageRequest())
    assert [entry.after for entry in page.items] == [{"resealedCount": 0}]
