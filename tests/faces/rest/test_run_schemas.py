"""Runs in their wire forms."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.runs import RunError, RunLogs, RunStatus
from jinba_mcp.faces.rest.run_schemas import RunIn, RunOut, RunsQuery, RunVersionQuery, run_out, run_result_out
from tests.runs import NOON, a_run

RUN = a_run(toolset_slug="a", tool_slug="b", version_digest="sha256:1", source="mcp", input={"n": 1})


@pytest.mark.parametrize(
    ("body", "arguments", "version"),
    [
        ({}, {}, None),
        ({"a": 1}, {"a": 1}, None),
        ({"input": {}}, {}, None),
        ({"input": {"a": 1}, "version": "1.0.0"}, {"a": 1}, "1.0.0"),
        ({"input": 1}, {"input": 1}, None),
        ({"version": "1"}, {"version": "1"}, None),
        ({"input": {}, "other": 1}, {"input": {}, "other": 1}, None),
    ],
)
def test_the_two_forms_are_told_apart(body: dict[str, Any], arguments: dict[str, Any], version: str | None) -> None:
    found = RunIn.read(body)
    assert (found.input, found.version) == (arguments, version)


@pytest.mark.parametrize("version", [1, "", "x" * 65, "1\x00", ["1.0.0"]])
def test_an_envelope_with_a_version_that_cannot_be_one_is_refused(version: Any) -> None:
    with pytest.raises(FieldsInvalid):
        RunIn.read({"input": {}, "version": version})


def test_query_and_envelope_may_name_the_same_version() -> None:
    envelope, bare = RunIn.read({"input": {}, "version": "1.0.0"}), RunIn.read({})
    same, none = RunVersionQuery(version="1.0.0"), RunVersionQuery()
    assert [envelope.pinned(same), envelope.pinned(none), bare.pinned(same), bare.pinned(none)] == [
        "1.0.0", "1.0.0", "1.0.0", None,
    ]  # fmt: skip
    with pytest.raises(FieldsInvalid):
        envelope.pinned(RunVersionQuery(version="2.0.0"))


def test_a_failed_run_says_why() -> None:
    error = RunError(name="ValueError", message="no", traceback="line 1")
    ended = RUN.finished(RunStatus.FAILED, at=NOON + timedelta(seconds=1), error=error, logs=RunLogs(stdout=("a", "b")))
    assert json.loads(run_result_out(ended).model_dump_json(by_alias=True)) == {
        "runId": "run_1",
        "id": "run_1",
        "version": "1.0.0",
        "status": "failed",
        "success": False,
        "output": None,
        "error": {"name": "ValueError", "message": "no", "traceback": "line 1"},
        "logs": {"stdout": ["a", "b"], "stderr": []},
        "durationMs": 1000,
    }


def test_content_is_there_only_when_the_tool_made_some() -> None:
    plain = RUN.finished(RunStatus.SUCCESS, at=NOON, output=1)
    rich = RUN.finished(RunStatus.SUCCESS, at=NOON, content=({"type": "text", "text": "x"},))
    assert "content" not in json.loads(run_result_out(plain).model_dump_json(by_alias=True))
    assert json.loads(run_out(rich).model_dump_json(by_alias=True))["content"] == [{"type": "text", "text": "x"}]


def test_a_record_fits_its_own_model_and_shows_no_inner_ids() -> None:
    text = run_out(RUN).model_dump_json(by_alias=True)
    assert RunOut.model_validate_json(text).model_dump_json(by_alias=True) == text
    assert "ver_1" not in text
    assert json.loads(text)["toolSetSlug"] == "a"


def test_every_filter_of_the_core_can_be_asked_for() -> None:
    query = RunsQuery.model_validate({"keyId": "key_1", "since": "2026-11-21T12:00:00Z", "limit": 3})
    assert (query.filter().key_id, query.filter().since) == ("key_1", NOON)
