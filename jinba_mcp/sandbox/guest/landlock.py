"""Landlock: what a process may do with files, ports and other processes from here on, without any privilege.

Source of the numbers: linux/landlock.h and landlock(7).
"""

import ctypes
import os
import stat
import struct
from collections.abc import Sequence

from . import kernel

LEAST_ABI = 1

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_ABI = 1
_PATH_BENEATH = 1
_NO_LOG = 1  # LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF: a tool that tries doors must not fill the machine's audit log
_LOG_SINCE = 7

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_FIRST = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEV, _RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
_FILE_RIGHTS_SINCE = ((1, _ALL_OF_FIRST), (2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV), (9, _RESOLVE_UNIX))
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_NET_SINCE = 4
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1 << 0, 1 << 1
_SCOPES_SINCE = 6

_READ = _READ_FILE | _READ_DIR
_OF_ONE_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV | _RESOLVE_UNIX
"""The kernel refuses a rule that grants more on what is no folder."""


def abi() -> int:
    """Which version of Landlock the kernel offers; 0 means none."""
    try:
        return _call(_CREATE_RULESET, None, 0, _ASK_ABI)
    except OSError:
        return 0


def restrict(readable: Sequence[str], writable: Sequence[str], executable: Sequence[str] = ()) -> None:
    """Let this thread, and all that it starts, reach only these files and folders with all below; for good.

    No TCP port may be bound or connected to (from ABI 4), no socket and no process outside reached (from ABI 6).
    Paths to be read or executed that are not there are left out. Sets NO_NEW_PRIVS.

    Raises:
        OSError: the kernel has no Landlock, refused, or there is no such path to write to.
    """
    version = abi()
    if version < LEAST_ABI:
        raise OSError("the kernel has no Landlock, so nothing would keep files apart")
    handled = _file_rights(version)
    ruleset = _ruleset(version, handled)
    try:
        for path in writable:
            _allow(ruleset, path, handled & ~_EXECUTE)
        for path in readable:
            _allow_if_there(ruleset, path, _READ)
        for path in executable:
            _allow_if_there(ruleset, path, _READ | _EXECUTE)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        _call(_RESTRICT_SELF, ruleset, _NO_LOG if version >= _LOG_SINCE else 0)
    finally:
        os.close(ruleset)


def _file_rights(version: int) -> int:
    return sum(rights for since, rights in _FILE_RIGHTS_SINCE if version >= since)


def _ruleset(version: int, handled: int) -> int:
    ports = _BIND_TCP | _CONNECT_TCP if version >= _NET_SINCE else 0
    scopes = _SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL if version >= _SCOPES_SINCE else 0
    # An older kernel takes a longer structure as long as what it does not know is zero.
    attributes = struct.pack("=QQQ", handled, ports, scopes)
    return _call(_CREATE_RULESET, attributes, len(attributes), 0)


def _allow_if_there(ruleset: int, path: str, rights: int) -> None:
    try:
        _allow(ruleset, path, rights)
    except FileNotFoundError:
        return


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_ONE_FILE
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes | None) -> int:
    words = (each if isinstance(each, bytes | None) else ctypes.c_long(each) for each in arguments)
    return kernel.call("syscall", ctypes.c_long(number), *words)
