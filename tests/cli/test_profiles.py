"""`jinba-mcp profiles`."""

from pathlib import Path

import pytest

from jinba_mcp.cli import profile_file
from jinba_mcp.cli.profile_file import Profile, Profiles
from tests.cli.conftest import Jinba

WORK = Profile(url="https://work.example.com", key="jtb_work")
HOME = Profile(url="http://127.0.0.1:8700", key="jtb_home")


@pytest.fixture
def cli(run_jinba: Jinba, empty_data_dir: Path) -> Jinba:
    """Run one command after two logins, of which `work` is in use."""
    profile_file.write(Profiles().having("home", HOME).having("work", WORK))
    return run_jinba


def test_profiles_are_listed_without_their_keys(cli: Jinba) -> None:
    shown = cli("profiles", "list")
    assert [line.split() for line in shown.out.splitlines()] == [
        ["PROFILE", "URL", "IN", "USE"],
        ["home", HOME.url, "no"],
        ["work", WORK.url, "yes"],
    ]
    listed = cli("profiles", "list", "--json")
    assert listed.json["data"][1] == {"name": "work", "url": WORK.url, "isCurrent": True}
    assert "jtb_" not in shown.out + listed.out


def test_another_profile_is_taken_into_use(cli: Jinba) -> None:
    assert cli("profiles", "use", "home").out == f"Commands work on {HOME.url} from now on.\n"
    assert profile_file.read().current == "home"
    assert cli("profiles", "use", "work", "--json").json == {"name": "work", "url": WORK.url}
    assert cli("profiles", "use", "nowhere").code == 1


def test_leaving_keeps_the_keys(cli: Jinba) -> None:
    assert cli("profiles", "leave").out == "Commands work on the registry of this machine from now on.\n"
    kept = profile_file.read()
    assert (kept.current, sorted(kept.profiles)) == (None, ["home", "work"])
    assert cli("profiles", "leave", "--json").json == {"name": None, "url": None}
