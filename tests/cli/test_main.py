"""The command line as a whole: help, versions, exit codes, and what is said when something is wrong."""

import importlib
import subprocess
import sys

import pytest
import typer

from jinba_mcp import __version__, cli
from jinba_mcp.cli import output
from tests.cli.conftest import Jinba


def test_help_names_every_noun(run_jinba: Jinba) -> None:
    ended = run_jinba("--help")
    assert ended.code == 0
    for noun, sentence in cli.NOUNS.items():
        assert f"  {noun} " in ended.out
        assert sentence.split()[0] in ended.out


@pytest.mark.parametrize("noun", cli.NOUNS)
def test_every_command_explains_itself_and_its_options(noun: str) -> None:
    command = typer.main.get_command(importlib.import_module(f"jinba_mcp.cli.{noun.replace('-', '_')}").app)
    for each in getattr(command, "commands", {noun: command}).values():
        assert each.help.endswith("."), each.name
        for parameter in each.params:
            assert (parameter.help or "").endswith("."), (each.name, parameter.name)


@pytest.mark.parametrize("noun", [noun for noun in cli.NOUNS if noun not in ("stdio", "connect")])
def test_every_command_that_answers_has_a_json_form(noun: str) -> None:
    command = typer.main.get_command(importlib.import_module(f"jinba_mcp.cli.{noun.replace('-', '_')}").app)
    for each in getattr(command, "commands", {noun: command}).values():
        # What is exported is JSON lines as it is.
        assert each.name == "export" or any("--json" in parameter.opts for parameter in each.params), each.name


def test_help_answers_before_anything_heavy_is_imported() -> None:
    """Under 0.3 s, which no test can assert; what it rests on can be."""
    heavy = "{'pydantic', 'rich', 'sqlalchemy', 'starlette', 'mcp', 'anyio'}"
    code = f"import sys; from jinba_mcp.cli import _run; _run(['--help']); sys.exit(bool({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Usage: jinba-mcp" in done.stdout


def test_the_version_is_printed(run_jinba: Jinba) -> None:
    assert run_jinba("--version").out == f"jinba-mcp {__version__}\n"


def test_without_a_command_the_help_is_shown_and_it_is_misuse(run_jinba: Jinba) -> None:
    ended = run_jinba()
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: jinba-mcp" in ended.err
    assert "Error" not in ended.err


def test_a_mistyped_command_is_misuse_and_the_near_one_is_named(run_jinba: Jinba) -> None:
    ended = run_jinba("toolset")
    assert ended.code == 2
    assert "There is no command 'toolset'. Did you mean toolsets?" in ended.err


def test_a_mistyped_option_is_misuse_and_help_is_pointed_at(run_jinba: Jinba) -> None:
    ended = run_jinba("keys", "list", "--jsn")
    assert (ended.code, ended.out) == (2, "")
    assert "--jsn" in ended.err
    assert "Try 'jinba-mcp keys list --help'." in ended.err


def test_an_unknown_setting_is_misuse_and_the_near_one_is_named(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_PROT", "1")
    ended = jinba("orgs", "list")
    assert (ended.code, ended.err) == (2, "Error: JINBA_PROT is not a setting. Did you mean JINBA_PORT?\n")


def test_a_setting_that_cannot_be_used_is_misuse_by_its_name(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_PORT", "all")
    ended = jinba("orgs", "list")
    assert ended.code == 2
    assert ended.err.startswith("Error: JINBA_PORT: input should be a valid integer")
    assert len(ended.err.splitlines()) == 1


def test_what_the_core_refuses_is_one_sentence_and_exit_code_1(jinba: Jinba) -> None:
    ended = jinba("keys", "list", "--org", "nobody", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: There is no organization 'nobody' here.\n"


def test_a_fresh_machine_works_with_any_first_command(run_jinba: Jinba, empty_data_dir: object) -> None:
    ended = run_jinba("keys", "list", "--json")
    assert (ended.code, ended.json) == (0, {"data": [], "nextCursor": None})


def test_a_reader_that_leaves_is_no_error_to_speak_of(run_jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: str) -> None:
        raise BrokenPipeError

    discarded: list[int] = []
    monkeypatch.setattr(output, "line", leave)
    monkeypatch.setattr(cli, "_let_go_of_output", lambda: discarded.append(1))
    ended = run_jinba("--version")
    assert (ended.code, ended.err, discarded) == (1, "", [1])


def test_an_interrupt_is_quiet_and_exits_with_130(run_jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "line", interrupt)
    ended = run_jinba("--version")
    assert (ended.code, ended.out, ended.err) == (130, "", "")
