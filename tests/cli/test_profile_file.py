"""Profiles: kept for their owner alone."""

import stat
from pathlib import Path

import pytest

from jinba_mcp.cli import profile_file
from jinba_mcp.cli.output import Failed
from jinba_mcp.cli.profile_file import Profile, Profiles

KEY = "jtb_secret"
WORK = Profile(url="https://tools.example.com", key=KEY)
HOME = Profile(url="http://127.0.0.1:8700", key="jtb_home")


def test_nothing_is_kept_before_anybody_logs_in() -> None:
    assert profile_file.read() == Profiles()


def test_what_is_written_is_read_again_and_is_its_owners_alone(profiles_file: Path) -> None:
    kept = Profiles().having("home", HOME).having("work", WORK)
    profile_file.write(kept)
    assert profile_file.read() == kept
    assert kept.current == "work"
    assert stat.S_IMODE(profiles_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(profiles_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in profiles_file.parent.iterdir()] == ["profiles.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_read_or_write_is_refused_with_the_remedy(profiles_file: Path, mode: int) -> None:
    profile_file.write(Profiles().having("work", WORK))
    profiles_file.chmod(mode)
    with pytest.raises(Failed, match=f"chmod 600 '{profiles_file}'"):
        profile_file.read()


@pytest.mark.parametrize("text", ["", "{", '{"profiles": {"work": {"key": "jtb_secret"}}}', '["jtb_secret"]'])
def test_a_damaged_file_is_one_sentence_without_what_is_in_it(profiles_file: Path, text: str) -> None:
    profile_file.write(Profiles())
    profiles_file.write_text(text)
    with pytest.raises(Failed, match="damaged") as refused:
        profile_file.read()
    assert KEY not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_that_cannot_be_written_is_one_sentence(profiles_file: Path) -> None:
    profiles_file.parent.parent.mkdir(parents=True)
    profiles_file.parent.write_text("in the way")
    with pytest.raises(Failed, match="cannot be"):
        profile_file.write(Profiles())
    with pytest.raises(Failed, match="cannot be read"):
        profile_file.read()


def test_who_logs_out_of_the_profile_in_use_uses_none() -> None:
    kept = Profiles().having("home", HOME).having("work", WORK)
    assert kept.without("work") == Profiles(profiles={"home": HOME})
    assert kept.without("home").current == "work"
    assert kept.using("home").current == "home"


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    kept = Profiles().having("home", HOME)
    for lookup in (kept.get, kept.without, kept.using):
        with pytest.raises(Failed, match=r"no profile 'work' \(there are: home\)"):
            lookup("work")


def test_of_two_keys_to_a_server_the_one_in_use_is_taken() -> None:
    other = Profile(url=WORK.url, key="jtb_other")
    kept = Profiles().having("a", WORK).having("b", other)
    assert kept.key_of(WORK.url) == "jtb_other"
    assert kept.using("a").key_of(WORK.url) == KEY
    assert kept.key_of("https://elsewhere.example.com") is None


def test_a_relative_config_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profile_file.file() == tmp_path / ".config" / "jinba-mcp" / "profiles.json"


def test_a_key_is_in_no_representation() -> None:
    assert KEY not in repr(Profiles().having("work", WORK))
