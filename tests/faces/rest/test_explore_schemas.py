"""Public ToolSets in their wire forms."""

from datetime import UTC, datetime

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.toolsets import Listing
from jinba_mcp.faces.rest.explore_schemas import public_toolset_detail_out, public_toolset_out
from tests.faces.rest.test_schemas import TOOL, TOOLSET

ORGANIZATION = Organization(
    id=OrganizationId("org_1"), slug="acme", name="Acme", created_at=datetime(2026, 11, 21, tzinfo=UTC)
)


def test_strangers_see_neither_code_nor_ids() -> None:
    text = public_toolset_detail_out(ORGANIZATION, TOOLSET, (TOOL,), "http://h").model_dump_json(by_alias=True)
    assert '"slug":"greet"' in text
    assert [word for word in ("secret sauce", "hunter2", "org_1", "ts_1", "ver_1") if word in text] == []


def test_the_endpoint_is_named_only_where_there_is_one() -> None:
    assert public_toolset_out(ORGANIZATION, TOOLSET, "http://h").mcp_url is None
    served = TOOLSET.model_copy(update={"listing": Listing(mcp_enabled=True)})
    shown = public_toolset_out(ORGANIZATION, served, "http://h")
    assert shown.mcp_url == "http://h/v1/public/acme/greeting-tools/mcp"
