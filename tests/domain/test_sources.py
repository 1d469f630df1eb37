"""Sources: what an author gave comes back out of a draft, and nothing that was read from the code."""

from datetime import UTC, datetime

from jinba_mcp.domain.ids import OrganizationId, ToolSetId
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.sources import Source, source_of
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Draft, Listing, Origin, ToolSet

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PACKAGES = (Package(name="httpx"),)


def drafted(derived: dict[str, tuple[str, ...]] | None) -> Source:
    tool = Tool(
        slug="t", name="T", description="Does.", code="x", input_schema={"type": "object"}, output_schema={"a": 1}
    )
    lock = Lock(kind="python", packages=PACKAGES, text="httpx")
    content = Content(name="Tools", description="All.", packages=PACKAGES, lock=lock, tools=(tool,))
    toolset = ToolSet(
        id=ToolSetId("ts_1"), organization_id=OrganizationId("org_1"), slug="my-tools", name="Tools",
        description="All.", listing=Listing(tags=("a",)), created_at=NOON, updated_at=NOON,
    )  # fmt: skip
    draft = Draft(content=content, origin=Origin.API, source_digest="", derived=derived, updated_at=NOON)
    return source_of(toolset, draft)


def test_what_was_read_from_the_code_is_left_out() -> None:
    source = drafted({"t": ("input_schema", "output_schema", "description")})
    assert (source.slug, source.name, source.listing.tags, source.packages) == ("my-tools", "Tools", ("a",), PACKAGES)
    assert source.lock is not None
    [tool] = source.tools
    assert (tool.name, tool.code) == ("T", "x")
    assert (tool.input_schema, tool.output_schema, tool.description) == (None, None, "")


def test_what_was_given_stays() -> None:
    givens: list[dict[str, tuple[str, ...]] | None] = [{"t": ()}, {}, None]
    for derived in givens:
        [tool] = drafted(derived).tools
        assert (tool.input_schema, tool.output_schema) == ({"type": "object"}, {"a": 1})
        assert tool.description == "Does."


def test_equal_sources_have_the_same_digest_and_others_do_not() -> None:
    assert drafted({}).digest == drafted(None).digest
    assert drafted({}).digest != drafted({"t": ("description",)}).digest
