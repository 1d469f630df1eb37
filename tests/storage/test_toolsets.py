"""ToolSets, tags and drafts on both databases."""

from typing import Any

import pytest

from jinba_mcp.domain.env import EnvDeclaration, Variable
from jinba_mcp.domain.errors import NameTaken, ToolSetNotFound
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.toolsets import Listing, Visibility
from jinba_mcp.storage.store import Store
from tests.storage.records import (
    NOW,
    a_content,
    a_draft,
    a_snapshot,
    a_toolset,
    moment,
    stored_organization,
    stored_toolset,
)


def published(*tags: str, **listing: Any) -> dict[str, object]:
    terms = {"visibility": Visibility.PUBLIC, "tags": tags, **listing}
    return {"listing": Listing(**terms), "published_version_id": "ver_1", "published_version": "1.0.0"}


async def test_a_toolset_comes_back_as_it_was_stored(store: Store) -> None:
    organization = await stored_organization(store)
    listing = Listing(mcp_enabled=True, tags=("b", "a"), env=(EnvDeclaration(key="TOKEN", secret=True),))
    toolset = await stored_toolset(store, organization, listing=listing, latest_version="1.2.3")

    async with store.read() as tx:
        assert await tx.toolsets.get(organization.id, "text-tools") == toolset
        assert await tx.toolsets.find_draft(toolset.id) == a_draft()


async def test_a_toolset_is_found_in_its_own_organization_only(store: Store) -> None:
    mine, other = await stored_organization(store, "mine"), await stored_organization(store, "other")
    await stored_toolset(store, mine)

    async with store.read() as tx:
        assert await tx.toolsets.find(other.id, "text-tools") is None
        assert (await tx.toolsets.page(other.id, PageRequest())).items == ()
        with pytest.raises(ToolSetNotFound):
            await tx.toolsets.get(other.id, "text-tools")


async def test_a_slug_is_unique_within_its_organization(store: Store) -> None:
    mine, other = await stored_organization(store, "mine"), await stored_organization(store, "other")
    await stored_toolset(store, mine)
    await stored_toolset(store, other)

    with pytest.raises(NameTaken, match="text-tools"):
        await stored_toolset(store, mine)


async def test_toolsets_are_listed_by_slug_in_code_point_order(store: Store) -> None:
    organization = await stored_organization(store)
    for slug in ("ab", "a-b", "a1", "b"):
        await stored_toolset(store, organization, slug)

    async with store.read() as tx:
        first = await tx.toolsets.page(organization.id, PageRequest(limit=2))
        second = await tx.toolsets.page(organization.id, PageRequest(limit=2, after=first.next_cursor))
    assert [toolset.slug for toolset in first.items + second.items] == ["a-b", "a1", "ab", "b"]
    assert (first.next_cursor, second.next_cursor) == ("a1", None)


async def test_saving_replaces_everything_but_slug_and_owner(store: Store) -> None:
    organization = await stored_organization(store)
    toolset = await stored_toolset(store, organization, listing=Listing(tags=("old",)))
    changed = toolset.model_copy(
        update={"name": "New", "description": "Other.", "updated_at": moment(1), **published("new")}
    )
    async with store.begin() as tx:
        await tx.toolsets.save(changed)

    async with store.read() as tx:
        assert await tx.toolsets.find(organization.id, toolset.slug) == changed
        assert await tx.toolsets.tags_public() == [("new", 1)]


async def test_what_is_not_there_cannot_be_saved(store: Store) -> None:
    organization = await stored_organization(store)
    async with store.begin() as tx:
        with pytest.raises(ToolSetNotFound):
            await tx.toolsets.save(a_toolset(organization.id))
        with pytest.raises(ToolSetNotFound):
            await tx.toolsets.save_draft(ToolSetId("ts_none"), a_draft())
        with pytest.raises(ToolSetNotFound):
            await tx.toolsets.find_draft(ToolSetId("ts_none"))


async def test_a_draft_is_replaced_whole(store: Store) -> None:
    toolset = await stored_toolset(store, await stored_organization(store))
    draft = a_draft().model_copy(update={"content": a_content("Other", code="x = '\x00'"), "updated_at": moment(9)})
    async with store.begin() as tx:
        await tx.toolsets.save_draft(toolset.id, draft)

    async with store.read() as tx:
        assert await tx.toolsets.find_draft(toolset.id) == draft


async def test_what_of_a_draft_was_read_from_its_code_is_noted(store: Store) -> None:
    organization = await stored_organization(store)
    toolset = await stored_toolset(store, organization)
    draft = a_draft().model_copy(update={"derived": {"echo": ("input_schema", "description"), "b": ()}})
    async with store.begin() as tx:
        await tx.toolsets.save_draft(toolset.id, draft)

    async with store.read() as tx:
        assert await tx.toolsets.find_with_draft(organization.id, "text-tools") == (toolset, draft)
        assert await tx.toolsets.find_with_draft(organization.id, "other-tools") is None


async def test_a_toolset_is_deleted_with_all_that_is_its_own(store: Store) -> None:
    organization = await stored_organization(store)
    gone, stays = [await stored_toolset(store, organization, slug, **published("tag")) for slug in ("gone", "stays")]
    async with store.begin() as tx:
        for toolset in (gone, stays):
            await tx.versions.add(a_snapshot(toolset.id))
            await tx.env.save(Variable(toolset_id=toolset.id, key="TOKEN", value="1", updated_at=NOW))
    async with store.begin() as tx:
        await tx.env.remove_all(gone.id)
        await tx.versions.remove_all(gone.id)
        await tx.toolsets.remove(gone.id)

    async with store.read() as tx:
        assert await tx.toolsets.find(organization.id, "gone") is None
        assert (await tx.versions.count(gone.id), await tx.versions.count(stays.id)) == (0, 1)
        assert (len(await tx.env.of_toolset(gone.id)), len(await tx.env.of_toolset(stays.id))) == (0, 1)
        assert await tx.toolsets.tags_public() == [("tag", 1)]
    async with store.begin() as tx:
        with pytest.raises(ToolSetNotFound):
            await tx.toolsets.remove(gone.id)


async def test_explore_lists_what_is_public_and_active_by_organization_and_slug(store: Store) -> None:
    zulu, alpha = await stored_organization(store, "zulu"), await stored_organization(store, "alpha")
    listed = [
        await stored_toolset(store, organization, slug, **published())
        for organization, slug in ((alpha, "one"), (alpha, "two"), (zulu, "any"))
    ]
    await stored_toolset(store, alpha, "private", published_version_id="ver_1")
    await stored_toolset(store, alpha, "inactive", listing=Listing(visibility=Visibility.PUBLIC))

    async with store.read() as tx:
        found, total = await tx.toolsets.page_public(None, None, 50, 0)
        part, part_total = await tx.toolsets.page_public(None, None, 1, 1)
        assert await tx.toolsets.page_public(None, None, 1, 10**30) == ([], 3)
    assert found == list(zip((alpha, alpha, zulu), listed, strict=True))
    assert (part, part_total, total) == ([(alpha, listed[1])], 3, 3)


@pytest.mark.parametrize(
    ("tag", "text", "slugs"),
    [
        ("csv", None, ["data", "text"]),
        ("CSV", None, []),
        (None, "ÉTÉ", ["data"]),
        (None, "100%", ["text"]),
        (None, "1_0", []),
        ("csv", "été", ["data"]),
        (None, "json", ["data"]),
    ],
)
async def test_explore_filters_by_tag_and_text(
    store: Store, tag: str | None, text: str | None, slugs: list[str]
) -> None:
    organization = await stored_organization(store)
    await stored_toolset(store, organization, "data", description="L'été", **published("csv", "json"))
    await stored_toolset(store, organization, "text", description="100% text", **published("csv"))

    async with store.read() as tx:
        found, total = await tx.toolsets.page_public(tag, text, 50, 0)
    assert [toolset.slug for _, toolset in found] == slugs
    assert total == len(slugs)


async def test_tags_are_counted_over_listed_toolsets_only(store: Store) -> None:
    organization = await stored_organization(store)
    await stored_toolset(store, organization, "one", **published("b", "a", "c"))
    await stored_toolset(store, organization, "two", **published("b"))
    await stored_toolset(store, organization, "three", listing=Listing(tags=("b", "hidden")))

    async with store.read() as tx:
        assert await tx.toolsets.tags_public() == [("b", 2), ("a", 1), ("c", 1)]


async def test_enabled_toolsets_are_those_served_by_the_named_organizations(store: Store) -> None:
    first, second = await stored_organization(store, "one", NOW), await stored_organization(store, "two", moment(1))
    third = await stored_organization(store, "three", moment(2))
    served = [
        await stored_toolset(store, organization, slug, **published(mcp_enabled=True))
        for organization, slug in ((first, "a"), (first, "b"), (second, "a"))
    ]
    await stored_toolset(store, first, "off", **published())
    await stored_toolset(store, first, "inactive", listing=Listing(mcp_enabled=True))
    await stored_toolset(store, third, "a", **published(mcp_enabled=True))

    async with store.read() as tx:
        assert await tx.toolsets.enabled([second.id, first.id]) == served
        assert await tx.toolsets.enabled([]) == []
