"""`jinba-mcp runs`."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Jinba, prepare, write_tool

NAMES = ("Alice", "Bob", "Carol")

FLAKY = """
def run(name: str) -> dict:
    print(f"for {name}")
    if name == "Bob":
        raise ValueError("not Bob")
    return {"message": name}
"""


@pytest.fixture(scope="module")
def ran_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ran")
    push = ["toolsets", "push", str(write_tool(root / "toolsets", FLAKY))]
    return prepare(root, push, *(["tools", "run", "greeting-tools/greet", f"name={name}"] for name in NAMES))


@pytest.fixture
def history(run_jinba: Jinba, empty_data_dir: Path, ran_once: Path) -> Jinba:
    shutil.copytree(ran_once, empty_data_dir)
    return run_jinba


def names(jinba: Jinba, *filters: str) -> list[str]:
    return [run["input"]["name"] for run in jinba("runs", "list", *filters, "--json").json["data"]]


def test_runs_are_listed_newest_first(history: Jinba) -> None:
    assert names(history) == ["Carol", "Bob", "Alice"]
    ended = history("runs", "list")
    rows = [row.split() for row in ended.out.splitlines()[1:]]
    assert [row[1:5] for row in rows] == [
        ["greeting-tools/greet", "1.0.0", state, "console"] for state in ("success", "failed", "success")
    ]
    assert ended.err == ""


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--status", "failed"], ["Bob"]),
        (["--status", "success", "--tool", "greet"], ["Carol", "Alice"]),
        (["--toolset", "other-tools"], []),
        (["--version", "1.0.1"], []),
        (["--source", "mcp"], []),
        (["--key", "key_1"], []),
        (["--since", "1h"], ["Carol", "Bob", "Alice"]),
        (["--until", "1h"], []),
        (["--since", "2099-01-01T00:00:00Z"], []),
    ],
)
def test_a_filter_leaves_what_fits(history: Jinba, filters: list[str], found: list[str]) -> None:
    assert names(history, *filters) == found


def test_a_long_list_goes_on_where_it_was_cut(history: Jinba) -> None:
    page = history("runs", "list", "--limit", "2", "--json").json
    assert [run["input"]["name"] for run in page["data"]] == ["Carol", "Bob"]
    assert names(history, "--cursor", page["nextCursor"]) == ["Alice"]
    assert f"--cursor {page['nextCursor']}" in history("runs", "list", "--limit", "2").err


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (["--status", "lost"], "--status: "),
        (["--source", "fax"], "--source: "),
        (["--since", "yesterday"], "--since: "),
        (["--limit", "0"], "--limit"),
        (["--limit", "201"], "--limit"),
    ],
)
def test_a_filter_that_is_none_is_misuse(history: Jinba, filters: list[str], said: str) -> None:
    ended = history("runs", "list", *filters)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_cursor_of_elsewhere_is_refused(history: Jinba) -> None:
    ended = history("runs", "list", "--cursor", "???")
    assert ended.code == 1
    assert "cursor" in ended.err


def test_a_run_is_shown_with_all_that_happened(history: Jinba) -> None:
    run_id = history("runs", "list", "--status", "failed", "--json").json["data"][0]["id"]
    out = history("runs", "show", run_id).out
    for told in (run_id, "greeting-tools/greet 1.0.0", "failed", "ValueError: not Bob", '"name": "Bob"', "for Bob"):
        assert told in out
    assert "Output" not in out


def test_a_successful_run_is_shown_with_its_output(history: Jinba) -> None:
    run = history("runs", "list", "--json").json["data"][0]
    assert '"message": "Carol"' in history("runs", "show", run["id"]).out
    assert history("runs", "show", run["id"], "--json").json == run


def test_an_unknown_run_is_refused(jinba: Jinba) -> None:
    ended = jinba("runs", "show", "run_nothing", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "run_nothing" in ended.err
