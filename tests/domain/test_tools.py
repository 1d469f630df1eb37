"""Tools: the names they may have and the sizes they may reach."""

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.tools import MAX_CODE_BYTES, Annotations, Tool


def a_tool(**fields: object) -> Tool:
    return Tool.model_validate({"slug": "t", "name": "T", "code": "", "input_schema": {}, **fields})


def test_a_tool_is_entered_at_run_and_hints_at_nothing_unless_it_says_so() -> None:
    tool = a_tool()
    assert tool.entrypoint == "run"
    assert tool.output_schema is None
    assert tool.annotations.model_dump(exclude_none=True) == {}


@pytest.mark.parametrize("slug", ["a", "word_count", "word-count", "a__b", "0", "x" * 63])
def test_a_tools_slug_may_have_inner_hyphens_and_underscores(slug: str) -> None:
    assert a_tool(slug=slug).slug == slug


@pytest.mark.parametrize("slug", ["", "_a", "a_", "-a", "Word", "a b", "a.b", "a/b", "a\n", "é", "x" * 64])
def test_any_other_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError, match="slug"):
        a_tool(slug=slug)


@pytest.mark.parametrize("entrypoint", ["", "1st", "a-b", "a.b", "run\n", "run()", "x" * 129, "é"])
def test_an_entrypoint_that_is_no_name_is_refused(entrypoint: str) -> None:
    with pytest.raises(ValidationError, match="entrypoint"):
        a_tool(entrypoint=entrypoint)


@pytest.mark.parametrize(("field", "most"), [("name", 200), ("description", 20_000), ("code", MAX_CODE_BYTES)])
def test_texts_have_a_greatest_length(field: str, most: int) -> None:
    assert len(getattr(a_tool(**{field: "x" * most}), field)) == most
    with pytest.raises(ValidationError, match=field):
        a_tool(**{field: "x" * (most + 1)})


def test_annotations_are_spelled_as_mcp_spells_them() -> None:
    hints = {
        "title": "T",
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert Annotations.model_validate(hints).model_dump() == hints
    with pytest.raises(ValidationError):
        Annotations.model_validate({"read_only_hint": True})
