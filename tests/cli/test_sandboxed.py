"""The sandbox from the command line: packages, secrets, walls, drafts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Jinba
from tests.journeys import tools
from tests.sandbox.packages.registries import Registry

pytestmark = pytest.mark.slow

SECRET = "hunter2-hunter2"
SUM = """
import sums

def run() -> dict:
    return {"version": sums.VERSION, "from": sums.__file__}
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A package index of the test's own, which the commands are told to use."""
    served = Registry()
    for name, value in served.environ.items():
        monkeypatch.setenv(name, value)
    yield served
    served.close()


@pytest.fixture
def toolsets(tmp_path: Path) -> Path:
    return tmp_path / "toolsets"


def pushed(jinba: Jinba, folder: Path) -> Ended:
    ended = jinba("toolsets", "push", str(folder))
    assert ended.code == 0, ended.err
    return ended


@pytest.mark.usefixtures("walls")
def test_a_tool_runs_in_the_sandbox_and_its_prints_and_progress_are_shown(jinba: Jinba, toolsets: Path) -> None:
    pushed(jinba, tools.write_toolset(toolsets, "plain-tools", {"greet": tools.GREET, "steps": tools.STEPS}))
    ended = jinba("tools", "run", "plain-tools/greet", "--input", '{"name": "Alice"}')
    assert (ended.code, json.loads(ended.out), ended.err) == (0, {"message": "Hello, Alice!"}, "greeting Alice\n")
    (run,) = jinba("runs", "list", "--json").json["data"]
    shown = jinba("runs", "show", run["id"], "--json").json
    assert (shown["isolation"]["tier"], shown["isolation"]["level"]) == ("namespaces", "strong")
    told = jinba("tools", "run", "plain-tools/steps").err
    assert told == "".join(f"Progress: {step} of 3, step {step}\n" for step in (1, 2, 3))


@pytest.mark.usefixtures("walls")
def test_a_secret_is_masked_in_all_that_commands_print(jinba: Jinba, toolsets: Path, data_dir: Path) -> None:
    pushed(jinba, tools.write_toolset(toolsets, "plain-tools", {"shout": tools.SHOUT}))
    jinba("env", "set", "plain-tools", "TOKEN", "--secret", stdin=SECRET.encode())
    failed = jinba("tools", "run", "plain-tools/shout")
    (run,) = jinba("runs", "list", "--json").json["data"]
    shown = jinba("runs", "show", run["id"])
    assert failed.code == 1
    assert "Error: ValueError: *** is wrong" in failed.err
    assert "the token is ***" in failed.err
    for text in (failed.out, failed.err, shown.out, shown.err):
        assert SECRET not in text
    assert not [path for path in data_dir.glob("jinba.db*") if SECRET.encode() in path.read_bytes()]


@pytest.mark.usefixtures("walls")
def test_broken_code_is_not_pushed_and_its_place_is_named(jinba: Jinba, toolsets: Path) -> None:
    folder = tools.write_toolset(toolsets, "broken-tools", {"greet": "x = 1\ndef run(:\n    pass\n"}, schema=None)
    ended = jinba("toolsets", "push", str(folder))
    assert ended.code == 1
    assert "broken-tools/greet/main.py line 2" in ended.err
    assert jinba("toolsets", "list", "--json").json["data"] == []


@pytest.mark.usefixtures("walls")
def test_packages_are_installed_as_they_are_pushed_and_kept_as_they_were(
    jinba: Jinba, toolsets: Path, registry: Registry
) -> None:
    registry.add_wheel("sums", "1.0.0")
    folder = tools.write_toolset(toolsets, "sum-tools", {"sum": SUM}, packages="[{name: sums}]")
    assert "Installing 2 packages" in pushed(jinba, folder).err
    ended = jinba("tools", "run", "sum-tools/sum", "--json")
    assert ended.json["output"]["version"] == "1.0.0", ended.json
    registry.add_wheel("sums", "2.0.0")
    (folder / "tools" / "sum" / "main.py").write_text(f"{SUM}\n# changed\n")
    assert "1.0.1" in pushed(jinba, folder).out
    assert jinba("tools", "run", "sum-tools/sum", "--json").json["output"]["version"] == "1.0.0"


def test_a_lock_is_written_anew_on_demand_and_used_by_whoever_has_the_folder(
    jinba: Jinba, toolsets: Path, registry: Registry
) -> None:
    registry.add_wheel("sums", "1.0.0")
    folder = tools.write_toolset(toolsets, "sum-tools", {"sum": SUM}, packages="[{name: sums}]")
    assert jinba("toolsets", "lock", str(folder)).out == "sum-tools: locked\n"
    assert "sums==1.0.0" in (folder / "toolset.lock").read_text()
    assert registry.url not in (folder / "toolset.lock").read_text()
    registry.add_wheel("sums", "2.0.0")
    assert jinba("toolsets", "lock", str(folder)).code == 0
    assert "sums==2.0.0" in (folder / "toolset.lock").read_text()


@pytest.mark.usefixtures("registry")
def test_a_package_that_is_not_there_is_named(jinba: Jinba, toolsets: Path) -> None:
    folder = tools.write_toolset(toolsets, "sum-tools", {"sum": SUM}, packages="[{name: no-such-thing}]")
    ended = jinba("toolsets", "push", str(folder))
    assert ended.code == 1
    assert "no-such-thing" in ended.err
    assert len(ended.err.splitlines()) <= 3
    assert jinba("toolsets", "list", "--json").json["data"] == []


def test_a_toolset_without_packages_has_nothing_to_lock(jinba: Jinba, toolsets: Path) -> None:
    folder = tools.write_toolset(toolsets, "plain-tools", {"greet": tools.GREET})
    assert jinba("toolsets", "lock", str(folder)).out == "plain-tools: has no packages to lock\n"


@pytest.mark.usefixtures("walls")
def test_without_walls_code_runs_only_when_the_operator_says_so_and_is_warned(
    jinba: Jinba, toolsets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(jinba, tools.write_toolset(toolsets, "plain-tools", {"greet": tools.GREET}))
    monkeypatch.setenv("JINBA_SANDBOX", "unsafe")
    ended = jinba("tools", "run", "plain-tools/greet")
    assert (ended.code, "JINBA_SANDBOX=unsafe" in ended.err) == (0, True)
    doctor = jinba("doctor")
    assert "warn  sandbox     local: none, isolation none." in doctor.out
    monkeypatch.setenv("JINBA_SANDBOX_MIN", "strong")
    refused = jinba("tools", "run", "plain-tools/greet")
    assert (refused.code, "take one of them back" in refused.err) == (1, True)
    assert jinba("doctor").code == 1
