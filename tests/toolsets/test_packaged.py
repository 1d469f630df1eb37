"""The ToolSets that bring their own packages are complete, and can be read without these."""

import ast
import importlib.metadata
import re

import anyio
import pytest

from jinba_mcp.authoring.folder import FolderTool
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.toolsets import Visibility
from jinba_mcp.sandbox.engine import Bundle, Limits, Program
from jinba_mcp.sandbox.inprocess import InProcessEngine
from tests.toolsets import packaged
from tests.toolsets.test_folders import MAX_DESCRIPTION, MAX_LINES, MIN_DESCRIPTION, fields_of, is_bounded

ASKED_HOSTS = {"slack-tools": ("slack.com",), "github-tools": ("api.github.com",), "web-tools": "on"}
SECRETS = {"slack-tools": ["SLACK_BOT_TOKEN"], "github-tools": ["GITHUB_TOKEN"]}
WRITING = {"post-message", "create-issue", "add-comment"}


def each(slugs: tuple[str, ...]) -> pytest.MarkDecorator:
    found = [pytest.param(slug, tool, id=f"{slug}/{tool.slug}") for slug, tool in packaged.tools(slugs)]
    return pytest.mark.parametrize(("slug", "tool"), found)


every_tool = each(packaged.SLUGS)
every_python_tool = each(packaged.PYTHON)


@pytest.mark.parametrize("slug", packaged.SLUGS)
def test_a_toolset_asks_for_no_more_than_it_needs(slug: str) -> None:
    folder = packaged.folder(slug)
    assert len(folder.description) > 50
    # With a secret in it, a public one would act in its owner's name for anybody with a key.
    acts_for_its_owner = any(variable.secret for variable in folder.listing.env)
    assert folder.listing.visibility is (Visibility.PRIVATE if acts_for_its_owner else Visibility.PUBLIC)
    assert folder.listing.mcp_enabled
    assert folder.sandbox.provider == "local"
    assert folder.sandbox.timeout_s is not None
    assert folder.sandbox.network == ASKED_HOSTS.get(slug, "off")
    assert [found.key for found in folder.listing.env if found.secret] == SECRETS.get(slug, [])


@pytest.mark.parametrize("slug", packaged.SLUGS)
def test_packages_have_exact_versions(slug: str) -> None:
    assert packaged.folder(slug).packages
    for package in packaged.folder(slug).packages:
        assert re.fullmatch(r"\d+(\.\d+)+", package.version or "")


@pytest.mark.parametrize("slug", packaged.PYTHON)
def test_what_is_tested_here_is_what_the_toolset_installs(slug: str) -> None:
    for package in packaged.folder(slug).packages:
        installed = importlib.metadata.version(package.name.partition("[")[0])
        assert installed == package.version, f"{package.name} {installed} is tested; write that, or pin it for tests"


@every_tool
def test_a_tool_has_a_title_a_useful_description_and_annotations(slug: str, tool: FolderTool) -> None:
    assert tool.name != tool.slug
    assert MIN_DESCRIPTION < len(tool.description) < MAX_DESCRIPTION
    hints = tool.annotations
    assert hints.readOnlyHint is (tool.slug not in WRITING)
    assert hints.idempotentHint is (tool.slug not in WRITING)
    assert hints.destructiveHint is False
    assert hints.openWorldHint is (slug in ASKED_HOSTS)


@every_tool
def test_every_field_is_described_and_what_goes_inis_bounded(slug: str, tool: FolderTool) -> None:
    assert slug
    for schema in (tool.input_schema, tool.output_schema):
        assert schema is not None
        assert [name for name, field in fields_of(schema) if len(field.get("description", "")) < 10] == []
    assert tool.input_schema is not None
    assert tool.input_schema["additionalProperties"] is False
    assert [name for name, field in fields_of(tool.input_schema) if not is_bounded(field)] == []


@every_python_tool
async def test_the_stated_schemas_are_those_of_the_code(slug: str, tool: FolderTool) -> None:
    given, returned = await described(slug, tool)
    assert (tool.input_schema, tool.output_schema) == (given, returned), "run python -m tests.toolsets.packaged"


async def described(slug: str, tool: FolderTool) -> tuple[JsonObject, JsonObject | None]:
    bundle = Bundle(digest=f"sha256:{slug}", toolset=slug, language="python")
    program = Program(bundle=bundle, tool=tool.slug, entrypoint=tool.entrypoint, code=tool.code)
    engine = InProcessEngine(max_threads=1)
    try:
        with anyio.fail_after(60):
            signature = await engine.describe(program, Limits(timeout_s=60))
    finally:
        await engine.close()
    return signature.input_schema, signature.output_schema


@every_python_tool
def test_code_is_short_and_imports_no_file_beside_it(slug: str, tool: FolderTool) -> None:
    assert slug
    assert tool.code.count("\n") <= MAX_LINES
    tree = ast.parse(tool.code)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert "jinba_mcp" not in tool.code
