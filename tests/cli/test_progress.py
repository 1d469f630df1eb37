"""How far something is."""

import io
import sys

import pytest

from jinba_mcp.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_stage_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.telling("Pushing") as report:
        report(0, None, "Installing 2 packages")
        report(1, 2, "Installing 2 packages")
        report(2, 2, None)
        report(2, 2, "Checking\x1b[2J")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Installing 2 packages\nChecking\N{REPLACEMENT CHARACTER}[2J\n")


def test_on_a_terminal_there_is_a_bar_which_is_gone_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.telling("Pushing my-tools") as report:
        report(1, 4, "Installing [2] packages")
    shown = terminal.getvalue()
    assert "Installing [2] packages" in shown
    assert "\x1b[2K" in shown.rpartition("packages")[2], "the line is not erased"
    assert capsys.readouterr().out == ""


def test_a_bar_that_is_left_by_an_error_is_gone_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ValueError, match="no"), progress.telling("Pushing"):
        raise ValueError("no")
    assert "\x1b[?25h" in terminal.getvalue(), "the cursor is not shown again"
