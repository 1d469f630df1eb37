"""Every shipped ToolSet is complete: what a model reads of a tool says when to use it and what comes back."""

import ast
from typing import Any

import pytest

from jinba_mcp.authoring.folder import FolderTool, find_folders
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.tools import MAX_CODE_BYTES
from jinba_mcp.domain.toolsets import Visibility
from tests.toolsets import packaged, running

TOOLS = [pytest.param(slug, tool, id=f"{slug}/{tool.slug}") for slug, tool in running.shipped()]
every_tool = pytest.mark.parametrize(("slug", "tool"), TOOLS)
CHANGING = {"now", "cron-next"}
MIN_DESCRIPTION, MAX_DESCRIPTION = 150, 1_200
MAX_LINES = 400


def test_the_shipped_folders_are_those_that_the_issue_asks_for() -> None:
    assert [path.name for path in find_folders(running.TOOLSETS)] == sorted((*running.SLUGS, *packaged.SLUGS))


@pytest.mark.parametrize("slug", running.SLUGS)
def test_a_toolset_is_public_served_over_mcp_and_can_run_in_process(slug: str) -> None:
    folder = running.folder(slug)
    assert folder.tools
    assert folder.name != slug
    assert len(folder.description) > 50
    assert folder.listing.visibility is Visibility.PUBLIC
    assert folder.listing.mcp_enabled
    assert folder.listing.tags
    assert (folder.sandbox.timeout_s, folder.sandbox.network) == (10, "off")
    assert folder.sandbox.provider in (None, "inprocess")


@every_tool
def test_a_tool_has_a_title_a_useful_description_and_annotations(slug: str, tool: FolderTool) -> None:
    assert tool.name != tool.slug
    assert slug
    assert MIN_DESCRIPTION < len(tool.description) < MAX_DESCRIPTION
    hints = tool.annotations
    assert (hints.readOnlyHint, hints.destructiveHint, hints.openWorldHint) == (True, False, False)
    assert hints.idempotentHint is (tool.slug not in CHANGING)


@every_tool
def test_code_is_short_and_imports_no_file_beside_it(slug: str, tool: FolderTool) -> None:
    assert slug
    assert len(tool.code.encode()) < MAX_CODE_BYTES
    assert tool.code.count("\n") <= MAX_LINES
    imported = {name for node in ast.walk(ast.parse(tool.code)) for name in _imported(node)}
    assert not imported & {"jinba_mcp", "main", ""}


@every_tool
async def test_schemas_come_from_the_code_and_every_field_is_described(slug: str, tool: FolderTool) -> None:
    assert (tool.input_schema, tool.output_schema) == (None, None)
    signature = await running.describe(slug, tool)
    assert signature.output_schema is not None
    for schema in (signature.input_schema, signature.output_schema):
        Validator(schema)
        assert schema["type"] == "object"
        assert [name for name, field in fields_of(schema) if len(field.get("description", "")) < 10] == []
    assert signature.input_schema["additionalProperties"] is False


@every_tool
async def test_every_text_and_list_that_goes_inis_bounded(slug: str, tool: FolderTool) -> None:
    signature = await running.describe(slug, tool)
    assert [name for name, field in fields_of(signature.input_schema) if not is_bounded(field)] == []


@every_tool
async def test_examples_fit_the_schema_that_they_stand_in(slug: str, tool: FolderTool) -> None:
    signature = await running.describe(slug, tool)
    defs = signature.input_schema.get("$defs", {})
    for _, field in fields_of(signature.input_schema):
        for example in field.get("examples", []):
            assert Validator({**field, "$defs": defs}).faults(example) == []


@every_tool
async def test_an_unknown_field_is_refused(slug: str, tool: FolderTool) -> None:
    with pytest.raises(running.ArgumentsRefused, match="surprise"):
        await running.run_program(running.program(slug, tool), {"surprise": 1})


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["" if node.level else (node.module or "").partition(".")[0]]
    return []


def fields_of(schema: Any) -> list[tuple[str, Any]]:
    objects = [schema, *schema.get("$defs", {}).values()]
    return [(name, field) for part in objects for name, field in part.get("properties", {}).items()]


def is_bounded(field: Any) -> bool:
    if "anyOf" in field:
        return all(is_bounded(part) for part in field["anyOf"])
    kind = field.get("type")
    if kind == "string":
        bounded = {"maxLength", "enum", "const", "pattern"} & field.keys() or field.get("format") == "date"
        return bool(bounded)
    if kind in ("integer", "number"):
        return "minimum" in field and "maximum" in field
    # Free JSON is measured by the tool itself.
    return kind != "array" or "maxItems" in field
