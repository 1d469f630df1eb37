"""Revisions: a tag moves with what it is of, and with nothing else."""

import pytest

from jinba_mcp.domain.errors import PreconditionFailed
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.revisions import check, tool_tag, toolset_tag
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Draft, Listing, Origin, ToolSet
from tests.storage.records import a_toolset, moment

ONE = Tool(slug="one", name="One", code="1", input_schema={})
TOOLSET = a_toolset(OrganizationId("org_1"))


def draft_of(*tools: Tool, **changes: object) -> Draft:
    content = Content(name="Tools", tools=tools)
    draft = Draft(content=content, origin=Origin.API, source_digest="sha256:1", derived={}, updated_at=moment(0))
    return draft.model_copy(update=changes)


def test_the_tag_of_a_toolset_moves_with_any_change_of_it_or_its_draft() -> None:
    draft = draft_of(ONE)
    changed: list[tuple[ToolSet, Draft]] = [
        (TOOLSET, draft),
        (TOOLSET.model_copy(update={"published_version": "1.0.0"}), draft),
        (TOOLSET.model_copy(update={"listing": Listing(mcp_enabled=True)}), draft),
        (TOOLSET, draft_of(ONE, source_digest="sha256:2")),
        (TOOLSET, draft_of(ONE, origin=Origin.OPERATOR)),
        (TOOLSET, draft_of(ONE, updated_at=moment(1))),
    ]
    tags = [toolset_tag(*each) for each in changed]
    assert len(set(tags)) == len(tags)
    assert toolset_tag(TOOLSET, draft_of(ONE)) == tags[0]


def test_the_tag_of_a_tool_moves_with_that_tool_only() -> None:
    other = ONE.model_copy(update={"slug": "two"})
    tag = tool_tag(draft_of(ONE), ONE)
    assert tool_tag(draft_of(ONE, other, updated_at=moment(5), source_digest="sha256:2"), ONE) == tag
    assert tool_tag(draft_of(ONE), ONE.model_copy(update={"code": "2"})) != tag
    assert tool_tag(draft_of(ONE, derived={"one": ("input_schema",)}), ONE) != tag


def test_only_a_wanted_state_passes() -> None:
    check(None, "a")
    check({"a", "b"}, "a")
    for wanted in (frozenset(), frozenset({"b"})):
        with pytest.raises(PreconditionFailed):
            check(wanted, "a")
