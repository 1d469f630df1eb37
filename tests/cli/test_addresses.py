"""Where this installation is for its clients."""

import sys
from pathlib import Path

import pytest

from jinba_mcp.cli import addresses
from jinba_mcp.settings import Settings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8700"),
        ("0.0.0.0", "http://127.0.0.1:8700"),  # noqa: S104  what an operator may set
        ("::", "http://[::1]:8700"),
        ("::1", "http://[::1]:8700"),
        ("tools.example.com", "http://tools.example.com:8700"),
    ],
)
def test_the_url_is_one_that_a_client_here_can_use(host: str, url: str) -> None:
    assert addresses.base_url(Settings(host=host)) == url


def test_the_public_url_goes_before_everything() -> None:
    assert addresses.base_url(Settings(public_url="https://x.example.com/a/")) == "https://x.example.com/a"


def test_the_bridge_is_the_program_that_runs_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "jinba-mcp"
    program.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["./jinba-mcp"])
    assert addresses.bridge() == [str(program), "connect"]


def test_otherwise_the_bridge_is_the_program_beside_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert addresses.bridge() == ["jinba-mcp", "connect"]
    (tmp_path / "jinba-mcp").touch()
    assert addresses.bridge() == [str(tmp_path / "jinba-mcp"), "connect"]
