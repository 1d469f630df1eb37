"""ToolSets: what a version freezes, what stands beside it, and the bounds of both."""

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.env import EnvDeclaration
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.toolsets import MAX_TOOLS, Content, Listing, ToolSet, Visibility


def tools(*slugs: str) -> list[dict[str, object]]:
    return [{"slug": slug, "name": slug, "code": "", "input_schema": {}} for slug in slugs]


def test_a_tool_is_found_by_its_slug() -> None:
    content = Content.model_validate({"name": "N", "tools": tools("one", "two")})
    found = content.find_tool("two")
    assert found is not None
    assert found.slug == "two"
    assert content.find_tool("three") is None


def test_a_toolset_is_private_without_mcp_and_without_network_unless_it_says_so() -> None:
    listing = Listing()
    assert (listing.visibility, listing.mcp_enabled, listing.env) == (Visibility.PRIVATE, False, ())
    assert Content(name="N").sandbox == Sandbox(provider=None, timeout_s=None, memory_mb=None, network=False)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"description": "x" * 20_001},
        {"language": "cobol"},
        {"packages": [{"name": "x" * 201}]},
        {"packages": [{"name": "a", "version": "1" * 101}]},
        {"tools": tools(*(f"t{number}" for number in range(MAX_TOOLS + 1)))},
        {"secrets": []},
    ],
)
def test_content_out_of_bounds_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Content.model_validate({"name": "N", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"timeout_s": 901},
        {"timeout_s": float("nan")},
        {"memory_mb": 15},
        {"memory_mb": 16_385},
        {"provider": "elsewhere"},
    ],
)
def test_a_sandbox_out_of_bounds_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sandbox.model_validate(fields)


@pytest.mark.parametrize("tags", [[""], ["x" * 41], [str(number) for number in range(21)]])
def test_tags_are_short_and_few(tags: list[str]) -> None:
    with pytest.raises(ValidationError):
        Listing.model_validate({"tags": tags})


@pytest.mark.parametrize("key", ["API_KEY", "_X", "A1"])
def test_a_variable_is_named_in_capitals(key: str) -> None:
    assert EnvDeclaration(key=key, secret=True).value is None


@pytest.mark.parametrize("key", ["", "api_key", "1A", "A-B", "A=B", "A\n", "X" * 129])
def test_a_variable_of_any_other_name_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        EnvDeclaration(key=key)


def test_a_toolset_is_named_by_a_slug() -> None:
    fields = {
        "id": "ts_1",
        "organization_id": "org_1",
        "name": "N",
        "description": "",
        "listing": {},
        "created_at": "2026-11-21T12:00:00Z",
        "updated_at": "2026-11-21T12:00:00Z",
    }
    toolset = ToolSet.model_validate({**fields, "slug": "text-tools"})
    assert (toolset.published_version, toolset.latest_version) == (None, None)
    with pytest.raises(ValidationError, match="slug"):
        ToolSet.model_validate({**fields, "slug": "text__tools"})
