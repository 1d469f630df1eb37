"""Environment variables on both databases."""

from jinba_mcp.domain.env import Variable
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_draft, a_toolset, moment, stored_organization


async def stored_toolset(store: Store, slug: str = "text-tools") -> ToolSetId:
    organization = await stored_organization(store, f"of-{slug}")
    toolset = a_toolset(organization.id, slug)
    async with store.begin() as tx:
        await tx.toolsets.add(toolset, a_draft())
    return toolset.id


def a_variable(toolset_id: ToolSetId, key: str = "TOKEN", **fields: str | None) -> Variable:
    return Variable.model_validate({"toolset_id": toolset_id, "key": key, "updated_at": NOW, "value": "1", **fields})


async def test_a_variable_is_set_set_again_and_removed(store: Store) -> None:
    toolset_id = await stored_toolset(store)
    later = a_variable(toolset_id, value=None, sealed="AAAA").model_copy(update={"updated_at": moment(5)})

    async with store.begin() as tx:
        await tx.env.save(a_variable(toolset_id))
        await tx.env.save(a_variable(toolset_id, "A_PLAIN"))
    async with store.begin() as tx:
        await tx.env.save(later)
    async with store.read() as tx:
        assert await tx.env.of_toolset(toolset_id) == [a_variable(toolset_id, "A_PLAIN"), later]
        assert await tx.env.count_sealed() == 1
    async with store.begin() as tx:
        assert await tx.env.remove(toolset_id, "TOKEN")
        assert not await tx.env.remove(toolset_id, "TOKEN")
        assert [each.key for each in await tx.env.of_toolset(toolset_id)] == ["A_PLAIN"]


async def test_every_change_moves_the_generation(store: Store) -> None:
    toolset_id = await stored_toolset(store)
    before = await store.generation()
    async with store.begin() as tx:
        await tx.env.save(a_variable(toolset_id))
    between = await store.generation()
    async with store.begin() as tx:
        await tx.env.remove(toolset_id, "TOKEN")
    assert before < between < await store.generation()


async def test_secrets_of_all_toolsets_are_walked_in_batches(store: Store) -> None:
    one, two = await stored_toolset(store, "one"), await stored_toolset(store, "two")
    async with store.begin() as tx:
        for toolset_id in (one, two):
            await tx.env.save(a_variable(toolset_id, "PLAIN"))
            for key in ("A", "B", "C"):
                await tx.env.save(a_variable(toolset_id, key, value=None, sealed="AAAA"))

    seen: list[tuple[str, str]] = []
    async with store.read() as tx:
        after = ("", "")
        while batch := await tx.env.sealed_after(after, 2):
            assert len(batch) <= 2
            seen.extend((each.toolset_id, each.key) for each in batch)
            after = seen[-1]

    assert seen == sorted((toolset_id, key) for toolset_id in (one, two) for key in ("A", "B", "C"))
