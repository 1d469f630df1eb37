"""Sealing: what is sealed opens with its key, in its place, and not otherwise."""

import base64
import stat
from pathlib import Path

import pytest

from jinba_mcp.core import sealing
from jinba_mcp.core.sealing import KEY_BYTES, Keyring, new_key
from jinba_mcp.domain.errors import Invalid, SecretsUnreadable

SECRET = "xoxb-123-é🐎"


def test_what_was_sealed_opens_again_and_looks_different_each_time(keyring: Keyring) -> None:
    one, two = keyring.seal(SECRET, "ts_1/TOKEN"), keyring.seal(SECRET, "ts_1/TOKEN")
    assert one != two
    assert "xoxb" not in one
    assert b"xoxb" not in base64.b64decode(one)
    assert [keyring.open(sealed, "ts_1/TOKEN") for sealed in (one, two)] == [SECRET, SECRET]


def test_a_sealed_text_moved_to_another_place_does_not_open(keyring: Keyring) -> None:
    with pytest.raises(SecretsUnreadable):
        keyring.open(keyring.seal(SECRET, "ts_1/TOKEN"), "ts_2/TOKEN")


def test_no_bit_of_a_sealed_text_can_be_changed(keyring: Keyring) -> None:
    raw = base64.b64decode(keyring.seal(SECRET, "p"))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(SecretsUnreadable):
            keyring.open(base64.b64encode(changed).decode(), "p")


@pytest.mark.parametrize("sealed", ["", "not base64!", "AQ==", base64.b64encode(b"\x02" * 200).decode()])
def test_what_was_never_sealed_does_not_open(keyring: Keyring, sealed: str) -> None:
    with pytest.raises(SecretsUnreadable):
        keyring.open(sealed, "p")


@pytest.mark.parametrize(
    ("place", "what"),
    [("ts_1/TOKEN", "of this ToolSet"), ("webhook/wh_1", "of this webhook"), ("totp/user_1", "second factor")],
)
def test_what_does_not_open_is_named(keyring: Keyring, place: str, what: str) -> None:
    with pytest.raises(SecretsUnreadable, match=what):
        keyring.open(keyring.seal(SECRET, "elsewhere"), place)
    with pytest.raises(SecretsUnreadable, match=what):
        keyring.is_current("damaged", place)


def test_the_key_file_is_made_with_the_first_secret_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"
    keyring = Keyring(path)
    assert not path.exists()
    sealed = keyring.seal(SECRET, "p")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["secret.key"]
    assert Keyring(path).open(sealed, "p") == SECRET


def test_a_key_file_of_another_process_made_at_the_same_moment_counts(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first, second = Keyring(path), Keyring(path)
    sealed = first.seal(SECRET, "p")
    assert second.open(second.seal("other", "p"), "p") == "other"
    assert second.open(sealed, "p") == SECRET


def test_with_the_key_from_a_setting_no_file_is_made(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "secret.key", [new_key()])
    assert keyring.open(keyring.seal(SECRET, "p"), "p") == SECRET
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Invalid, match="JINBA_SECRET_KEY"):
        keyring.add()
    with pytest.raises(Invalid, match="JINBA_SECRET_KEY"):
        keyring.forget_older("any")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"x" * (KEY_BYTES - 1)).decode(), "ü"])
def test_a_setting_that_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Invalid, match="32 bytes in base64"):
        Keyring(tmp_path / "secret.key", [key])


@pytest.mark.parametrize("content", [b"not a key\n", b"\xff\xfe\n"])
def test_a_broken_key_file_is_named_and_never_written_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"secret\.key"):
        Keyring(path).seal(SECRET, "p")
    assert path.read_bytes() == content


def test_after_a_rotation_the_old_key_opens_nothing_and_the_same_process_goes_on(keyring: Keyring) -> None:
    old = keyring.seal(SECRET, "p")
    added = keyring.add()
    assert not keyring.is_current(old, "p")
    assert keyring.open(old, "p") == SECRET
    new = keyring.reseal(old, "p")
    assert keyring.is_current(new, "p")
    keyring.forget_older(added)
    assert keyring.open(new, "p") == SECRET
    with pytest.raises(SecretsUnreadable):
        keyring.open(old, "p")


def test_another_process_sees_a_rotation_without_a_restart(tmp_path: Path) -> None:
    ours, theirs = Keyring(tmp_path / "secret.key"), Keyring(tmp_path / "secret.key")
    old = ours.seal(SECRET, "p")
    assert theirs.open(old, "p") == SECRET
    added = ours.add()
    new = ours.reseal(old, "p")
    ours.forget_older(added)
    assert theirs.open(new, "p") == SECRET
    assert ours.is_current(theirs.seal("later", "p"), "p")


def test_a_rotation_keeps_the_keys_of_those_that_began_after_it(tmp_path: Path) -> None:
    ours, theirs = Keyring(tmp_path / "secret.key"), Keyring(tmp_path / "secret.key")
    oldest = ours.seal(SECRET, "p")
    first = ours.add()
    old = ours.reseal(oldest, "p")
    second = theirs.add()
    ours.forget_older(first)
    with pytest.raises(SecretsUnreadable):
        Keyring(tmp_path / "secret.key").open(oldest, "p")
    new = theirs.reseal(old, "p")
    theirs.forget_older(second)
    ours.forget_older(first)
    assert ours.open(new, "p") == SECRET
    with pytest.raises(SecretsUnreadable):
        theirs.open(old, "p")


def test_of_two_first_keys_made_at_once_the_one_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("other")
    (tmp_path / "mine").write_text("mine")

    sealing._place_first(tmp_path / "mine", tmp_path / "key")

    assert (tmp_path / "key").read_text() == "other"
