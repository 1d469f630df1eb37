"""Being another user for one look into /proc."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from jinba_mcp.sandbox.egress import identity
from tests.sandbox.hostile.conftest import require

NOBODY = 65534


def _file_users() -> list[str]:
    """As what the kernel has this thread open files."""
    lines = Path(f"/proc/self/task/{threading.get_native_id()}/status").read_text(encoding="ascii").splitlines()
    return [line.split()[4] for line in lines if line.startswith(("Uid:", "Gid:"))]


def test_who_is_not_root_stays_who_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _file_users()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with identity.of_process(1):
        assert _file_users() == before


def test_a_process_that_is_gone_is_not_there() -> None:
    require(is_there=os.geteuid() == 0, what="root for the tests, who may become other users")
    with pytest.raises(FileNotFoundError), identity.of_process(2**22 + 1):
        raise AssertionError


def test_root_is_the_processs_own_user_for_as_long_as_it_looks() -> None:
    require(is_there=os.geteuid() == 0, what="root for the tests, who may become other users")
    own = _file_users()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=NOBODY, group=NOBODY, extra_groups=[]) as cat:
        with identity.of_process(cat.pid):
            assert _file_users() == [str(NOBODY)] * 2
        assert _file_users() == own
        with pytest.raises(ZeroDivisionError), identity.of_process(cat.pid):
            raise ZeroDivisionError
        assert _file_users() == own
