"""Whom sandboxes belong to."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local import users
from jinba_mcp.sandbox.local.users import unused_id


def test_numbers_of_users_are_nobodys_and_new_each_time() -> None:
    first, second = unused_id(), unused_id()

    assert first not in {each.pw_uid for each in pwd.getpwall()}
    assert first != second


def test_processes_beside_each_other_have_different_ones() -> None:
    program = f"from {users.__name__} import unused_id; print([unused_id() for _ in range(100)])"

    first, second = (
        json.loads(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
        for _ in range(2)
    )

    assert not set(first) & set(second)


def test_where_few_numbers_exist_the_last_of_them_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _path: "0 1000 1\n1 100000 65536\n")

    assert unused_id() == 65536


@pytest.mark.parametrize("user", [0, 1234])
def test_who_may_choose_is_nobody_and_who_may_not_stays_who_they_are(
    monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "getegid", lambda: 5678)
    monkeypatch.setattr(users, "unused_id", lambda: 99)
    monkeypatch.setattr(Path, "write_text", lambda path, text: written.update({str(path): text}))

    users.map_user(7)

    if user == 0:
        assert written == {"/proc/7/uid_map": "1000 99 1\n", "/proc/7/gid_map": "1000 99 1\n"}
    else:
        # Without the first, the kernel lets nobody but root map a group.
        assert list(written) == ["/proc/7/setgroups", "/proc/7/uid_map", "/proc/7/gid_map"]
        assert list(written.values()) == ["deny", "1000 1234 1\n", "1000 5678 1\n"]
