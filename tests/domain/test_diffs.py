"""Diffs: what changed between two contents, bounded, and the same whichever way it is read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain import versions
from jinba_mcp.domain.diffs import MAX_CHANGES, MAX_CODE_LINES, Change, Diff, diff
from jinba_mcp.domain.toolsets import Content
from tests.domain.generated import modestly

DRAFTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["one", "two"]))
"""Slugs of tools and what they say."""


def content_of(tools: dict[str, str], **fields: object) -> Content:
    described = [tool(slug, description=text) for slug, text in sorted(tools.items())]
    return Content.model_validate({"name": "Some tools", "tools": described, **fields})


def tool(slug: str = "greet", **fields: object) -> dict[str, Any]:
    return {"slug": slug, "name": slug, "code": "def run(): ...", "input_schema": {"type": "object"}, **fields}


def compared(before: dict[str, object], after: dict[str, object]) -> Diff:
    """The diff of two contents with one tool each."""
    one, other = ({"name": "N", "tools": [{**tool(), **fields}]} for fields in (before, after))
    return diff("1.0.0", Content.model_validate(one), "draft", Content.model_validate(other))


def test_a_diff_tells_tools_added_removed_and_changed_and_fields_of_the_toolset() -> None:
    before = content_of({"gone": "x", "kept": "x", "moved": "x"})
    after = content_of({"kept": "x", "moved": "y", "new": "x"}, name="Better tools")
    found = diff("1.0.0", before, "1.1.0", after)
    assert (found.from_version, found.to_version) == ("1.0.0", "1.1.0")
    assert (found.added, found.removed, found.toolset_fields) == (("new",), ("gone",), ("name",))
    [change] = found.changed
    assert (change.tool, change.fields, change.code, change.schemas) == ("moved", ("description",), None, ())
    assert [broken.model_dump() for broken in found.breaking] == [
        {"tool": "gone", "pointer": "", "kind": "tool_removed", "detail": "the tool is gone"}
    ]


def test_code_is_shown_as_a_unified_diff() -> None:
    [change] = compared({"code": "a = 1\nb = 2\n"}, {"code": "a = 1\nb = 3\n"}).changed
    assert change.code == ("--- before", "+++ after", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3")
    assert not change.is_cut


@pytest.mark.parametrize("lines", [1_000, 100_000])
def test_code_and_schemas_are_cut_where_they_are_long(lines: int) -> None:
    [change] = compared({"code": "a\n" * lines}, {"code": "b" * 5_000 + "\n" + "b\n" * lines}).changed
    assert len(change.code or ()) == MAX_CODE_LINES
    assert max(map(len, change.code or ())) <= 400
    assert change.is_cut
    wide = {"properties": {f"p{number}": {"type": "string"} for number in range(MAX_CHANGES + 1)}}
    [change] = compared({"input_schema": {"properties": {}}}, {"input_schema": wide}).changed
    assert len(change.schemas) == MAX_CHANGES
    assert change.is_cut


def test_schemas_are_compared_value_by_value() -> None:
    before = {"type": "object", "properties": {"a/b": {"type": "string"}, "gone": {}}}
    after = {"type": "object", "properties": {"a/b": {"type": "string", "maxLength": 5}}}
    [change] = compared({"input_schema": before}, {"input_schema": after, "output_schema": {}}).changed
    assert change.schemas == (
        Change(pointer="/inputSchema/properties/a~1b/maxLength", before=None, after=5),
        Change(pointer="/inputSchema/properties/gone", before={}, after=None),
        Change(pointer="/outputSchema", before=None, after={}),
    )


def test_packages_and_the_sandbox_are_compared_by_name() -> None:
    before = content_of({}, packages=[{"name": "httpx", "version": "1"}, {"name": "rich"}], sandbox={"memory_mb": 64})
    after = content_of({}, packages=[{"name": "httpx", "version": "2"}], sandbox={"memory_mb": 128})
    found = diff("1.0.0", before, "1.0.1", after)
    assert [change.model_dump() for change in found.packages] == [
        {"pointer": "/httpx", "before": "1", "after": "2"},
        {"pointer": "/rich", "before": "*", "after": None},
    ]
    assert [change.pointer for change in found.sandbox] == ["/memory_mb"]


@modestly
@given(DRAFTS, DRAFTS)
def test_a_diff_is_empty_when_and_only_when_the_digests_agree(one: dict[str, str], other: dict[str, str]) -> None:
    before, after = content_of(one), content_of(other)
    found = diff("1.0.0", before, "1.0.1", after)
    is_empty = not (found.added or found.removed or found.changed or found.toolset_fields)
    assert is_empty is (versions.digest(before) == versions.digest(after))


@modestly
@given(DRAFTS, DRAFTS)
def test_a_diff_read_backwards_swaps_added_and_removed(one: dict[str, str], other: dict[str, str]) -> None:
    before, after = content_of(one), content_of(other)
    there, back = diff("1", before, "2", after), diff("2", after, "1", before)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
