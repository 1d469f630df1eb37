"""Our nouns in MCP's shapes, in both eras, and the two planes of errors."""

from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from jinba_mcp.core.catalog import Offer, ToolRef
from jinba_mcp.domain import errors
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run
from jinba_mcp.domain.tools import Tool
from jinba_mcp.faces.mcp import translate
from tests.runs import a_run

MODERN = MODERN_PROTOCOL_VERSIONS[-1]
LEGACY = HANDSHAKE_PROTOCOL_VERSIONS[-1]
ERAS = [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS]
BLOCK: JsonObject = {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}
META = {"jinba-mcp/runId": "run_1"}


def ended(**fields: object) -> Run:
    return a_run(**{"source": "mcp", "status": "success", "input": {}, "started_at": None, **fields})


def answer(run: Run, era: str = MODERN, *, has_schema: bool = False) -> JsonObject:
    """What `tools/call` says, which must be a result that the SDK takes for one."""
    said = translate.result(run, has_schema=has_schema, protocol_version=era)
    types.CallToolResult.model_validate(said)
    return said


def shown(era: str = MODERN, **fields: object) -> JsonObject:
    tool = Tool.model_validate({"slug": "slugify", "name": "Slugify", "code": "", "input_schema": {}, **fields})
    ref = ToolRef(organization="acme", toolset="text-tools", tool="slugify")
    return translate.tool(Offer(name="text-tools__slugify", tool=tool, ref=ref), era)


def every_error() -> list[type[JinbaError]]:
    found, pending = [], [JinbaError]
    while pending:
        children = pending.pop().__subclasses__()
        found += children
        pending += children
    return found


def raised(kind: type[JinbaError]) -> JinbaError:
    """One of this kind, whatever its own class would like to be told."""
    error = kind.__new__(kind)
    JinbaError.__init__(error, "A sentence.", hint=1)
    return error


@pytest.mark.parametrize("kind", every_error())
def test_every_error_has_a_plane_and_it_is_its_familys(kind: type[JinbaError]) -> None:
    families = [family for family in translate.PLANES if issubclass(kind, family)]
    assert len(families) == 1
    assert translate.plane(raised(kind)) == translate.PLANES[families[0]]


def test_every_family_is_on_the_table_and_nothing_else_is() -> None:
    assert set(translate.PLANES) == set(JinbaError.__subclasses__())


@pytest.mark.parametrize(
    "error",
    [
        errors.ArgumentsInvalid("t", [], "run_1"),
        errors.LimitExceeded("Too many."),
        errors.TooLarge("Too much."),
        errors.VersionUnchanged("1.0.0"),
    ],
    ids=type,
)
def test_what_a_smarter_model_could_have_avoided_is_a_result_that_it_reads(error: JinbaError) -> None:
    said = translate.refusal(error)
    types.CallToolResult.model_validate(said)
    assert said["isError"] is True
    assert said["content"] == [{"type": "text", "text": error.message}]
    assert "structuredContent" not in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ToolNotFound("t"), INVALID_PARAMS),
        (errors.ScopeMissing("execute", ["read"]), INVALID_REQUEST),
        (errors.KeyUnknown(), INVALID_REQUEST),
        (errors.SandboxUnavailable("No sandbox here."), INTERNAL_ERROR),
        (errors.Internal(), INTERNAL_ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_model_could_have_avoided_is_a_protocol_error(error: JinbaError, code: int) -> None:
    with pytest.raises(MCPError) as refused:
        translate.refusal(error)
    assert (refused.value.code, refused.value.message) == (code, error.message)
    assert refused.value.data == {"code": error.code, **error.details}
    assert refused.value.__cause__ is error


def test_a_refusal_names_its_code_and_the_run_that_was_recorded() -> None:
    assert translate.refusal(errors.LimitExceeded("Too many."))["_meta"] == {"jinba-mcp/code": "limit.exceeded"}
    refused = translate.refusal(errors.ArgumentsInvalid("t", [], "run_1"))
    assert refused["_meta"] == {"jinba-mcp/code": "arguments.invalid", "jinba-mcp/runId": "run_1"}


def test_details_of_a_protocol_error_are_data_beside_its_code() -> None:
    refused = translate.protocol_error(errors.ScopeMissing("execute", ["read"]), INVALID_REQUEST)
    assert refused.data == {"code": "scope.missing", "required": "execute", "held": ["read"]}


@pytest.mark.parametrize("era", ERAS)
def test_a_tool_is_listed_under_its_name_here_with_title_description_and_schema(era: str) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    said = shown(era, description="Makes slugs.", input_schema=schema)
    types.Tool.model_validate(said)
    assert said == {
        "name": "text-tools__slugify",
        "title": "Slugify",
        "description": "Makes slugs.",
        "inputSchema": schema,
    }


def test_only_annotations_that_were_made_are_listed() -> None:
    said = shown(annotations={"readOnlyHint": True, "destructiveHint": False})
    assert said["annotations"] == {"readOnlyHint": True, "destructiveHint": False}
    assert "annotations" not in shown()


@pytest.mark.parametrize("era", ERAS)
def test_the_schema_of_an_object_is_listed_in_every_era(era: str) -> None:
    schema = {"type": "object", "properties": {}}
    assert shown(era, output_schema=schema)["outputSchema"] == schema


@pytest.mark.parametrize("schema", [{"type": "array"}, {"type": "string"}, {}, {"anyOf": [{"type": "object"}]}])
@pytest.mark.parametrize("era", ERAS)
def test_any_other_schema_of_output_is_listed_since_2026_07_28_only(era: str, schema: dict[str, Any]) -> None:
    assert ("outputSchema" in shown(era, output_schema=schema)) is (era == MODERN)


@pytest.mark.parametrize("has_schema", [True, False])
@pytest.mark.parametrize("era", ERAS)
def test_an_object_is_both_text_and_structure_in_every_era(era: str, *, has_schema: bool) -> None:
    assert answer(ended(output={"slug": "é"}), era, has_schema=has_schema) == {
        "resultType": "complete",
        "content": [{"type": "text", "text": '{"slug":"é"}'}],
        "isError": False,
        "structuredContent": {"slug": "é"},
        "_meta": META,
    }


@pytest.mark.parametrize("output", [[1, 2], "text", 7, 1.5, True, False])
@pytest.mark.parametrize("era", ERAS)
def test_other_data_is_structure_only_where_a_schema_promised_it_and_the_era_allows_it(era: str, output: Any) -> None:
    said = answer(ended(output=output), era, has_schema=True)
    assert said.get("structuredContent", "none") == (output if era == MODERN else "none")
    assert "structuredContent" not in answer(ended(output=output), era, has_schema=False)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, ""),
        ("", ""),
        ("two\nlines", "two\nlines"),
        ('say "hi"', 'say "hi"'),
        (7, "7"),
        (True, "true"),
        ([1, "a", None], '[1,"a",null]'),
        ({"b": 1, "a": "é"}, '{"b":1,"a":"é"}'),
    ],
)
def test_text_is_shown_as_it_is_and_other_data_as_json(output: Any, text: str) -> None:
    assert answer(ended(output=output))["content"] == [{"type": "text", "text": text}]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("has_schema", [True, False])
def test_blocks_without_data_are_content_and_structure_only_where_a_schema_promised_it(
    era: str, *, has_schema: bool
) -> None:
    said = answer(ended(output=[BLOCK], content=(BLOCK,)), era, has_schema=has_schema)
    assert said["content"] == [BLOCK]
    assert said.get("structuredContent") == ([BLOCK] if has_schema and era == MODERN else None)


@pytest.mark.parametrize("era", ERAS)
def test_blocks_with_data_are_content_and_structure(era: str) -> None:
    said = answer(ended(output={"width": 3}, content=(BLOCK, BLOCK)), era)
    assert said["content"] == [BLOCK, BLOCK]
    assert said["structuredContent"] == {"width": 3}


def test_no_blocks_at_all_are_no_content() -> None:
    assert answer(ended(output={"n": 1}, content=()))["content"] == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("has_schema", [True, False])
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": "failed", "error": {"name": "ValueError", "message": "no"}}, "ValueError: no"),
        ({"status": "timeout", "error": {"name": "Timeout", "message": "over 30 s"}}, "Timeout: over 30 s"),
        ({"status": "cancelled"}, "The run ended as cancelled."),
    ],
)
def test_a_run_that_failed_is_a_result_that_says_why(
    era: str, fields: dict[str, object], text: str, *, has_schema: bool
) -> None:
    assert answer(ended(**fields), era, has_schema=has_schema) == {
        "resultType": "complete",
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": META,
    }


def test_a_traceback_stays_in_the_record() -> None:
    error = {"name": "ValueError", "message": "no", "traceback": "main.py, line 7"}
    assert "line 7" not in str(answer(ended(status="failed", error=error)))


def test_translating_one_result_leaves_the_next_untouched() -> None:
    first = answer(ended(output={"n": 1}))
    assert answer(ended(output="text")) != first
    assert translate.COMPLETE == {"resultType": "complete"}
