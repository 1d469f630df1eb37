"""Calling a tool from a terminal."""

from pathlib import Path
from typing import Any, cast

import pytest
import typer

from jinba_mcp.cli import calling
from jinba_mcp.cli.output import Misused
from jinba_mcp.client.documents import RunResult


def result(**fields: Any) -> RunResult:
    made: RunResult = {
        "runId": "run_1", "id": "run_1", "version": "1.0.0", "status": "success", "success": True,
        "output": {}, "error": None, "logs": {"stdout": [], "stderr": []}, "durationMs": 1,
    }  # fmt: skip
    return cast("RunResult", dict(made) | fields)


@pytest.mark.usefixtures("empty_data_dir")
def test_words_are_read_by_the_schema_and_a_whole_object_needs_none(tmp_path: Path) -> None:
    schema: Any = {"properties": {"name": {"type": "string"}}}
    words = calling.Given(["name=5", "count=5"], None, None)
    assert (words.is_whole, words.by(schema)) == (False, {"name": "5", "count": 5})
    assert calling.Given(None, None, None).is_whole
    (tmp_path / "in.json").write_text('{"name": "Al"}')
    whole = calling.Given(None, None, tmp_path / "in.json")
    assert (whole.is_whole, whole.by({})) == (True, {"name": "Al"})


@pytest.mark.usefixtures("empty_data_dir")
@pytest.mark.parametrize(("pairs", "text"), [(["a=1"], "{}"), (["a"], None), (["a=1", "a=2"], None), (None, "[]")])
def test_what_is_typed_wrong_is_misuse_before_anything_is_asked(pairs: list[str] | None, text: str | None) -> None:
    with pytest.raises(Misused):
        calling.Given(pairs, text, None)


def test_the_schema_of_a_tool_that_is_not_there_says_nothing() -> None:
    tools = [{"slug": "greet", "inputSchema": {"type": "object"}}]
    assert calling.schema_in(tools, "greet") == {"type": "object"}
    assert calling.schema_in(tools, "wave") == {}


def test_the_output_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    logs = {"stdout": ["hello"], "stderr": ["oh\x1b"]}
    calling.answer(result(output="done", logs=logs, warnings=["deprecated"]), as_json=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("done\n", "Warning: deprecated\nhello\noh\N{REPLACEMENT CHARACTER}\n")


def test_rich_content_is_printed_block_by_block(capsys: pytest.CaptureFixture[str]) -> None:
    calling.answer(result(content=[{"type": "text", "text": "hi"}, {"type": "image", "data": ""}]), as_json=False)
    assert capsys.readouterr().out.splitlines()[:3] == ["hi", "{", '  "type": "image",']


@pytest.mark.parametrize("as_json", [True, False])
def test_a_tool_that_failed_fails_the_command(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    error = {"name": "ValueError", "message": "no", "traceback": None}
    with pytest.raises(typer.Exit) as exited:
        calling.answer(result(success=False, status="failed", error=error), as_json=as_json)
    out, err = capsys.readouterr()
    assert (exited.value.exit_code, bool(out)) == (1, as_json)
    assert as_json or "Error: ValueError: no\nSee 'jinba-mcp runs show run_1'.\n" in err
