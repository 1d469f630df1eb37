"""Records of the registry in their wire forms: nothing of the inside, everything in camelCase."""

from datetime import UTC, datetime

import pytest

from jinba_mcp.domain.diffs import Diff, ToolChange
from jinba_mcp.domain.env import EnvDeclaration
from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.ids import OrganizationId, ToolSetId, VersionId
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Listing, Origin, ToolSet
from jinba_mcp.domain.versions import Snapshot, Version
from jinba_mcp.faces.rest import schemas

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOOL = Tool(slug="greet", name="Greet", code="secret sauce", input_schema={"type": "object"})
CONTENT = Content(name="Greetings", tools=(TOOL,), sandbox=Sandbox(timeout_s=1.5, memory_mb=64))
TOOLSET = ToolSet(
    id=ToolSetId("ts_1"),
    organization_id=OrganizationId("org_1"),
    slug="greeting-tools",
    name="Greetings",
    description="",
    listing=Listing(env=(EnvDeclaration(key="TOKEN", value="hunter2"),)),
    published_version_id=VersionId("ver_1"),
    created_at=NOW,
    updated_at=NOW,
)
VERSION = Version(
    id=VersionId("ver_1"),
    toolset_id=ToolSetId("ts_1"),
    number="1.0.0",
    digest="sha256:1",
    origin=Origin.API,
    published_by="key_1",
    created_at=NOW,
)


def test_a_toolset_shows_neither_env_nor_inner_ids() -> None:
    text = schemas.toolset_out(TOOLSET).model_dump_json(by_alias=True)
    assert "hunter2" not in text
    assert "ver_1" not in text
    assert '"mcpEnabled":false' in text


def test_a_toolset_with_its_tools_shows_no_code() -> None:
    shown = schemas.toolset_detail_out(TOOLSET, CONTENT, ["acme"])
    assert shown.sandbox == schemas.SandboxOut(provider=None, timeout=1.5, memory=64, network="off")
    assert [tool.slug for tool in shown.tools] == ["greet"]
    assert "secret sauce" not in shown.model_dump_json()


def test_a_version_has_its_number_and_on_its_own_its_code() -> None:
    listed = schemas.version_out(VERSION)
    shown = schemas.version_detail_out(Snapshot(version=VERSION, content=CONTENT))
    assert (listed.version, listed.origin) == ("1.0.0", "api")
    assert [tool.code for tool in shown.tools] == ["secret sauce"]


def test_a_diff_spells_toolset_as_the_product_does() -> None:
    diff = Diff(
        from_version="1", to_version="2", added=("a",), removed=(), toolset_fields=("name",),
        changed=(ToolChange(tool="b", fields=("code",), code=("+x",)),),
    )  # fmt: skip
    shown = schemas.diff_out(diff).model_dump(by_alias=True)
    assert shown["toolSetFields"] == ["name"]
    assert shown["changed"] == [{"tool": "b", "fields": ["code"], "code": ["+x"], "schemas": [], "isCut": False}]


def test_an_empty_number_is_no_way_to_leave_it_out() -> None:
    assert schemas.PublicationIn.read({}).version is None
    with pytest.raises(FieldsInvalid):
        schemas.PublicationIn.read({"version": ""})
