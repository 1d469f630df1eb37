"""Trying a draft: what it printed, where it failed, and that broken code is refused with its place."""

import json
from typing import Any

import pytest

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Language
from jinba_mcp.faces.web.problems import problem
from tests.journeys import tools
from tests.journeys.houses import House, issue, run_path

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

FAULTY: dict[Language, tuple[str, str, tuple[str, ...]]] = {
    "python": (
        tools.FAIL,
        "ValueError",
        ('File "draft-tools/fail/main.py", line 8, in run\n', 'File "draft-tools/fail/main.py", line 11, in deeper\n'),
    ),
    "typescript": (
        tools.FAIL_TS,
        "TypeError",
        ("at deeper (draft-tools/fail/main.ts:12:9)\n", "at run (draft-tools/fail/main.ts:8:10)\n"),
    ),
}
BROKEN: dict[Language, tuple[str, int, int]] = {
    "python": ("x = 1\n\ndef run(:\n    pass\n", 3, 9),
    "typescript": ("export function run() {\n  return 1 +;\n}\n", 2, 13),
}


def draft(language: Language, slug: str, code: str, *, is_described: bool) -> Source:
    schema: dict[str, Any] | None = None if is_described else {"type": "object"}
    return Source(slug="draft-tools", language=language, tools=(SourceTool(slug=slug, code=code, input_schema=schema),))


@pytest.mark.parametrize("language", FAULTY)
async def test_a_draft_that_fails_shows_its_own_lines_and_what_it_printed(house: House, language: Language) -> None:
    code, name, places = FAULTY[language]
    async with house.core() as core:
        secret = await issue(core, Scope.WRITE, Scope.EXECUTE, Scope.READ)
        author = await core.keys.authenticate(secret)
        await core.drafts.save(author, "default", draft(language, "fail", code, is_described=False))
    answer = house.ask("POST", run_path("draft-tools/fail", "test"), key=secret, body={})
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert (run["success"], run["error"]["name"], run["error"]["message"]) == (False, name, "no luck")
    assert [place for place in places if place not in run["error"]["traceback"]] == [], run["error"]["traceback"]
    assert "/" not in run["error"]["traceback"].replace("draft-tools/fail/main", "")
    assert run["logs"] == {"stdout": ["one", "two"], "stderr": ["aside"]}
    record = house.record(run["runId"])
    assert (record["source"], record["isolation"]["level"]) == ("test", "strong")


@pytest.mark.parametrize("language", BROKEN)
async def test_code_that_does_not_load_is_refused_with_its_line_and_column(house: House, language: Language) -> None:
    code, line, column = BROKEN[language]
    async with house.core() as core:
        author = await core.keys.authenticate(await issue(core, Scope.WRITE))
        with pytest.raises(ToolCodeInvalid) as refused:
            await core.drafts.save(author, "default", draft(language, "broken", code, is_described=True))
    wire = json.loads(bytes(problem(refused.value).body))
    assert (wire["status"], wire["code"], wire["line"], wire["column"]) == (400, "tool.code_invalid", line, column)
    assert f"draft-tools/broken/main.{'py' if language == 'python' else 'ts'}" in wire["detail"]
    assert f"line {line}" in wire["detail"]
