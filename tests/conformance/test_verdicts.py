"""How the results of the conformance suite are held against what we wrote down."""

import json
from pathlib import Path

import pytest

from tests.conformance import run, verdicts
from tests.conformance.verdicts import Check, judge

PASSED = Check("one", "SUCCESS")
FAILED = Check("two", "FAILURE", "it does not")
OFFERED = (
    "tools-list",
    "tools-call-simple",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded",
    "tools-call-mixed",
    "tools-call-error",
    "tools-call-with-progress",
    "json-schema",
    "server-",
    "ping",
    "dns-rebinding",
    "http-",
    "caching",
)
WARNED = Check("three", "WARNING", "it might")


def test_a_scenario_without_faults_passes() -> None:
    assert judge("tools", [PASSED, Check("four", "INFO"), Check("five", "SKIPPED")], {}).word == "passed"


@pytest.mark.parametrize("fault", [FAILED, WARNED])
def test_a_fault_that_nobody_wrote_down_fails(fault: Check) -> None:
    verdict = judge("tools", [PASSED, fault], {"prompts": "no prompts", "tools:one-more": "another"})
    assert verdict.word == "FAILED"
    assert verdict.unexpected == (fault,)


def test_a_scenario_that_is_listed_may_fail() -> None:
    verdict = judge("prompts", [PASSED, FAILED, WARNED], {"prompts": "no prompts"})
    assert verdict.word == "expected"
    assert verdict.expected == (FAILED, WARNED)


def test_a_listed_scenario_that_passes_fails_the_run() -> None:
    verdict = judge("prompts", [PASSED], {"prompts": "no prompts"})
    assert verdict.word == "FAILED"
    assert verdict.stale == ("prompts",)


def test_a_listed_check_excuses_itself_only() -> None:
    expected = {"tools:two": "not that"}
    assert judge("tools", [PASSED, FAILED], expected).word == "partly"
    assert judge("tools", [PASSED, FAILED, WARNED], expected).unexpected == (WARNED,)


def test_a_listed_warning_lets_a_scenario_pass() -> None:
    assert judge("tools", [PASSED, WARNED], {"tools:three": "not that"}).word == "passed"


def test_a_listed_check_that_passes_fails_the_run() -> None:
    assert judge("tools", [PASSED], {"tools:one": "not that"}).stale == ("tools:one",)


def test_a_check_has_passed_only_if_it_did_each_time() -> None:
    twice = [Check("two", "SUCCESS"), FAILED]
    assert judge("tools", twice, {"tools:two": "not that"}).word == "partly"


def test_entries_about_nothing_are_found() -> None:
    expected = {"prompts": "no prompts", "tools:two": "not that", "promts": "misspelled", "tools:nine": "gone"}
    judged = [judge("prompts", [FAILED], expected), judge("tools", [FAILED], expected)]
    assert verdicts.unused(judged, expected) == ["promts", "tools:nine"]


def test_results_are_read_as_the_suite_leaves_them(tmp_path: Path) -> None:
    folder = tmp_path / "server-json-schema-2020-12-2026-11-21T03-40-12-123Z"
    folder.mkdir()
    checks = [{"id": "one", "status": "SUCCESS"}, {"id": "two", "status": "FAILURE", "errorMessage": "it does not"}]
    (folder / "checks.json").write_text(json.dumps(checks), encoding="utf-8")
    assert verdicts.read_results(tmp_path) == {"json-schema-2020-12": [PASSED, FAILED]}


def test_an_expected_failure_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "expected.yml"
    file.write_text("prompts:\n", encoding="utf-8")
    with pytest.raises(ValueError, match="'prompts' has no reason"):
        verdicts.read_expected(file)


def test_only_what_we_do_not_offer_is_expected_to_fail() -> None:
    whole = [name for name in verdicts.read_expected(run.EXPECTED) if ":" not in name]
    assert whole
    assert not [name for name in whole if name.startswith(OFFERED)]
