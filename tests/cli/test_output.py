"""What commands print."""

import json
import sys
from datetime import UTC, datetime
from enum import Enum

import pytest

from jinba_mcp.cli import output


class _Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (_Colour.RED, "red"),
        ((), "-"),
        (("a", _Colour.RED), "a, red"),
        (datetime(2026, 11, 21, 12, 0, 1, 5, tzinfo=UTC), "2026-11-21 12:00:01Z"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
    ],
)
def test_a_cell_is_one_harmless_line(value: object, shown: str) -> None:
    assert output.cell(value) == shown


def test_a_table_never_cuts_an_id_nor_reads_markup(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    output.table(["ID", "NAME"], [(long, "[bold]name[/bold]")])
    out = capsys.readouterr().out
    assert long in out
    assert "[bold]name[/bold]" in out
    assert len(out.splitlines()) == 2


def test_an_empty_table_says_so_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["ID"], [])
    assert capsys.readouterr() == ("", "There are none.\n")


def test_fields_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.fields({"Name": "x", "Nothing": None, "Longer name": 0})
    assert capsys.readouterr().out == "Name          x\nLonger name   0\n"


def test_a_document_is_ascii_where_the_terminal_knows_no_better(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output.document({"name": "é"})
    assert "é" in capsys.readouterr().out
    monkeypatch.setattr(type(sys.stdout), "encoding", "latin-1")
    output.document({"name": "é"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "é"}


def test_each_record_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a\nb", "c"):
        output.record({"name": name, "at": None})
    assert capsys.readouterr().out == '{"name":"a\\nb","at":null}\n{"name":"c","at":null}\n'


def test_a_long_text_is_cut_at_its_first_line() -> None:
    assert output.shortened("short\nmore") == "short"
    assert output.shortened("x" * 61) == "x" * 59 + "…"


def test_an_unforeseen_error_is_a_sentence_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    output.unexpected(RuntimeError, RuntimeError("secret"), None)
    err = capsys.readouterr().err
    assert "RuntimeError" in err
    assert "secret" not in err


def test_an_unforeseen_error_shows_its_traceback_to_whoever_debugs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_LOG_LEVEL", "debug")
    output.unexpected(RuntimeError, RuntimeError("inside"), None)
    assert "RuntimeError: inside" in capsys.readouterr().err
