"""A program of its own: starts another one, politely, that may write below one folder only where Landlock is there.

    python -I -S confined.py FOLDER PROGRAM ARGUMENTS…

Installers read what strangers wrote. uv and deno mean to write nowhere else, but a name or path that they did not think
of is stopped here (deno takes `..` in the names of dependencies). Where Landlock is missing, the program runs as it is.
Imports the standard library only. Numbers: linux/landlock.h.
"""

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_ABI = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_NICENESS = 5

_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_MAKE_AND_REMOVE = 0b1_1111_1111 << 4
_ABI_WITH_REFER, _ABI_WITH_TRUNCATE = 2, 3


def confine(folder: str) -> bool:
    """Let this process and all that it starts change files below `folder` only, for good. False without Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE_RULESET, None, 0, _ASK_ABI)
    if abi < _ABI_WITH_REFER:
        # Before REFER, files could not be renamed or linked from one folder to another, which installers live by.
        return False
    of_files = _WRITE_FILE | (_TRUNCATE if abi >= _ABI_WITH_TRUNCATE else 0)
    handled = of_files | _MAKE_AND_REMOVE | _REFER
    attributes = struct.pack("=Q", handled)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        is_done = (
            ruleset >= 0
            and _allow(libc, ruleset, folder, handled)
            and _allow(libc, ruleset, os.devnull, of_files)
            and libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            and libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
        )
    finally:
        if ruleset >= 0:
            os.close(ruleset)
    if not is_done:
        raise OSError(ctypes.get_errno(), "Landlock refused to confine the installer")
    return True


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> bool:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        return bool(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) == 0)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    confine(sys.argv[1])
    # Byte-compiling takes every core for seconds, and calls must not wait for it.
    os.nice(_NICENESS)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is what is wanted
