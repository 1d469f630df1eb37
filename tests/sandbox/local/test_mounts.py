"""What a sandbox sees of the machine's files."""

import sys
from pathlib import Path

from jinba_mcp.sandbox.local import mounts
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.runtime import Runtime

PARTS = Runtime(Path("/cache/r"))


def test_the_interpreter_is_seen_where_it_was_installed() -> None:
    tree = mounts.shown(Python("/home/me/py/bin/python3", Path("/home/me/py")), PARTS, None)

    assert tree["/home/me/py"] == "/home/me/py"
    assert tree["/opt/jinba/base"] == "/cache/r/base"
    assert tree[mounts.PACKAGES] == "/cache/r/packages"


def test_a_system_interpreter_is_seen_with_the_system() -> None:
    tree = mounts.shown(Python.at("/usr/bin/python3"), PARTS, Path("/cache/env"))

    assert "/usr/bin" in tree
    assert tree[mounts.PACKAGES] == "/cache/env"


def test_an_interpreter_in_a_corner_of_the_system_is_seen_there() -> None:
    assert "/usr/opt/py" in mounts.shown(Python("/usr/opt/py/bin/python3", Path("/usr/opt/py")), PARTS, None)
    assert "/usr/local" not in mounts.readable(Python("/usr/local/bin/python3", Path("/usr/local")), PARTS, None)[-3:]


def test_nothing_that_may_hold_secrets_is_seen() -> None:
    both = [
        path
        for python in (Python.own(), Python.at("/usr/bin/python3"))
        for path in (*mounts.shown(python, PARTS, None), *mounts.readable(python, PARTS, None))
    ]

    assert not {
        "/",
        "/usr",
        "/usr/src",
        "/etc",
        "/home",
        "/root",
        "/var",
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/tmp",  # noqa: S108  not seen
    } & set(both)


def test_where_nothing_can_be_mounted_real_paths_are_readable() -> None:
    readable = mounts.readable(Python.own(), PARTS, Path("/cache/env"))

    assert {"/cache/r/base", "/cache/env", str(Path(sys.base_prefix).resolve())} <= set(readable)
    assert "/cache/r/packages" not in readable
