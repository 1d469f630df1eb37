"""Masking: secrets are found as they are, as they are quoted, and line by line."""

import json

import pytest

from jinba_mcp.domain.masking import MASK, masked_error, masked_logs, masked_reporter, masker
from jinba_mcp.domain.runs import RunError, RunLogs

KEY = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("secrets", "text", "masked"),
    [
        (("hunter2",), "password hunter2, again hunter2", f"password {MASK}, again {MASK}"),
        ((), "nothing to mask", "nothing to mask"),
        (("ab", "abcd"), "abcd ab", f"{MASK} {MASK}"),
        ((KEY,), f"a {KEY} b", f"a {MASK} b"),
        ((KEY,), "only MIIBOgIBAAJBAKj34GkxFhD9 leaked", f"only {MASK} leaked"),
        (("a\nlong-enough-line\n}",), "{ } a", "{ } a"),
        (('quo"ted\t',), json.dumps({"k": 'quo"ted\t'}), '{"k": "***"}'),
        (("tab\there",), repr("tab\there"), "'***'"),
        (("émile",), json.dumps("émile"), '"***"'),
        (('é"\\',), json.dumps('é"\\', ensure_ascii=False), '"***"'),
        (("a'\"\\b",), "{ token: `a'\"\\\\b` }", "{ token: `***` }"),
    ],
)
def test_every_form_of_a_secret_is_masked(secrets: tuple[str, ...], text: str, masked: str) -> None:
    assert masker(secrets)(text) == masked


def test_an_error_is_masked_in_name_message_and_traceback() -> None:
    error = RunError(name="hunter2Error", message="no hunter2", traceback="line hunter2")
    assert masked_error(error, masker(["hunter2"])) == RunError(name="***Error", message="no ***", traceback="line ***")
    assert masked_error(RunError(name="E", message="m"), masker(["x"])).traceback is None


def test_a_secret_that_was_printed_over_several_lines_is_masked() -> None:
    logs = RunLogs(stdout=("before", "first", "x", "after"), stderr=())
    assert masked_logs(logs, masker(["first\nx"])) == RunLogs(stdout=("before", "***", "after"))


def test_progress_is_masked_in_its_message() -> None:
    heard: list[tuple[float, float | None, str | None]] = []
    report = masked_reporter(lambda *said: heard.append(said), masker(["hunter2"]))
    report(1, 2, "at hunter2")
    report(2, None, None)
    assert heard == [(1, 2, "at ***"), (2, None, None)]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key=sk-live-12…", "key=***…"),
        ("key=sk-live-123…", "key=***…"),
        ("key=s…", "key=***…"),
        ("key=sk-live-1 and more…", "key=sk-live-1 and more…"),
        ("key=sk-live-12", "key=sk-live-12"),
        ("both sk-live-123 and sk-live-123/lo…", "both *** and ***…"),
        ("xysk-l…", "***…"),
        ("…", "…"),
    ],
)
def test_the_part_of_a_secret_in_which_a_text_is_cut_off_is_masked(text: str, masked: str) -> None:
    mask = masker(("sk-live-123", "sk-live-123/longer", "xys", ""))

    assert mask(text) == masked


def test_the_part_of_a_secret_in_which_a_log_is_cut_off_is_masked() -> None:
    mask = masker(("sk-live-123", "first line of it\nsecond line of it"))
    marked = "… (cut at 9 bytes)"

    assert masked_logs(RunLogs(stdout=("a", "key=sk-li", marked), stderr=("sk-li",)), mask) == RunLogs(
        stdout=("a", "key=***", marked), stderr=("sk-li",)
    )
    assert masked_logs(RunLogs(stdout=("first line of it", "sec", marked)), mask).stdout == ("***", marked)
    assert masked_logs(RunLogs(stdout=(marked,)), mask).stdout == (marked,)
