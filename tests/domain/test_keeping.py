"""Keeping: records without secrets and of a bounded size, that say what they lack."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.keeping import Keeper, Keeping, shortened
from jinba_mcp.domain.redaction import SecretFields
from jinba_mcp.domain.runs import Run, RunError, RunLogs, RunPart, RunStatus
from tests.runs import NOON, a_run

PASSWORD = SecretFields({"properties": {"password": {"writeOnly": True}}})
TOKEN = SecretFields({"properties": {"token": {"format": "password"}}})


def kept(whole: Run, keeping: Keeping | None = None) -> Run:
    begun = Keeper(keeping or Keeping()).begun(whole, PASSWORD, TOKEN)
    ended = whole.finished(
        RunStatus.SUCCESS,
        at=NOON + timedelta(seconds=1),
        output={"token": "t0ken", "said": "hunter22 sk-abc"},
        content=({"type": "text", "text": "hunter22"}, {"type": "text", "text": "fine"}),
        error=RunError(name="E", message="hunter22", traceback="at hunter22"),
        logs=RunLogs(stdout=("one", "hunter22"), stderr=("sk-abc",)),
    )
    return begun.ended(ended)


def test_nothing_is_changed_where_there_is_nothing_to_change() -> None:
    whole = a_run(input={"text": "x"})
    begun = Keeper(Keeping()).begun(whole, None, None)
    ended = whole.finished(RunStatus.SUCCESS, at=NOON, output={"token": 1})
    assert begun.run == whole
    assert begun.ended(ended) == ended


def test_a_secret_is_in_no_part_of_the_record_and_the_parts_are_named() -> None:
    record = kept(a_run(input={"password": "hunter22", "text": "x"}), Keeping(patterns=(r"sk-\w+",)))
    assert "hunter22" not in record.model_dump_json()
    assert "sk-abc" not in record.model_dump_json()
    assert record.output == {"token": "***", "said": "*** ***"}
    assert record.redacted == (RunPart.INPUT, RunPart.OUTPUT, RunPart.CONTENT, RunPart.ERROR, RunPart.LOGS)
    assert record.truncated == ()


def test_what_begins_is_kept_without_secrets_too() -> None:
    begun = Keeper(Keeping()).begun(a_run(input={"password": "hunter22", "text": "hunter22"}), PASSWORD, None).run
    assert begun.input == {"password": "***", "text": "***"}
    assert begun.redacted == (RunPart.INPUT,)


def test_arguments_that_are_all_secret_leave_none() -> None:
    fields = SecretFields({"writeOnly": True})
    assert Keeper(Keeping()).begun(a_run(input={"a": "hunter22"}), fields, None).run.input == {}


def test_what_is_too_long_is_cut_and_named() -> None:
    keeping = Keeping(input_bytes=30, output_bytes=40, log_bytes=5)
    whole = a_run(input={"text": "é" * 100})
    ended = whole.finished(
        RunStatus.FAILED,
        at=NOON,
        output={"a": "x" * 10, "b": ["y" * 100, "z"]},
        content=({"type": "text", "text": "short"}, {"type": "text", "text": "x" * 100}),
        error=RunError(name="E" * 1_000, message="m" * 100_000, traceback="first" + "t" * 100_000 + "last"),
        logs=RunLogs(stdout=("one", "two"), stderr=("three" * 3,)),
    )
    record = Keeper(keeping).begun(whole, None, None).ended(ended)
    assert record.truncated == (RunPart.INPUT, RunPart.OUTPUT, RunPart.CONTENT, RunPart.ERROR, RunPart.LOGS)
    assert record.content == ({"type": "text", "text": "short"},)
    assert record.logs == RunLogs(stdout=("one", "t"), stderr=("three",))
    assert record.error is not None
    assert record.error.traceback is not None
    assert record.error.traceback.endswith("last")
    assert len(record.model_dump_json()) < 40_000


def test_a_secret_at_the_cut_is_masked_before_it_is_cut() -> None:
    record = kept(a_run(input={"text": "a" * 20 + "sk-verysecret"}), Keeping(input_bytes=36, patterns=(r"sk-\w+",)))
    assert record.input == {"text": "a" * 20 + "***"}


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")))
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc", max_size=5), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(VALUES, st.integers(10, 200))
def test_a_shortened_value_is_of_the_same_type_and_about_that_long(value: JsonValue, max_bytes: int) -> None:
    short = shortened(value, max_bytes)
    assert type(short) is type(value)
    text = json_values.dump(short).encode()
    # The value that the limit is reached in, quotes and backslashes come on top.
    assert len(text) <= max_bytes * 2 + 60
    if len(json_values.dump(value).encode()) <= max_bytes:
        assert short is value


@pytest.mark.parametrize("max_bytes", [0, 1])
def test_no_room_at_all_leaves_the_empty_value_of_the_type(max_bytes: int) -> None:
    values: list[JsonValue] = [{"a": 1}, [1], "text"]
    assert [shortened(value, max_bytes) for value in values] == [{}, [], "t" * max_bytes]
