"""The system calls that Python has no function for, by ctypes: process control, capabilities, filters."""

import ctypes
import os
import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

# PyDLL keeps the interpreter's lock: each of these returns at once, and letting go costs more than the call.
_libc = ctypes.PyDLL(None, use_errno=True)
_silent = ctypes.PyDLL(None)
"""The same without the reason why a call has failed, whose keeping touches memory each time."""

Step: TypeAlias = tuple[Callable[..., object], tuple[Any, ...]]
"""A call laid out beforehand, so that making it allocates next to nothing."""

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SIGKILL = 9
CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN = 5, 6, 7, 21

_CAPABILITIES_V3 = 0x20080522
_LAST_FD = 0xFFFFFFFF
_CAPABILITY_BITS = 64


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


_CapabilityData = ctypes.c_uint32 * 6


def checked(result: int, what: str) -> int:
    """The result of a system call.

    Raises:
        OSError: it is an error; `what` says of which call.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def call(name: str, *arguments: object) -> int:
    """A function of libc by its name.

    Raises:
        OSError: it failed.
    """
    return checked(getattr(_libc, name)(*arguments), name)


def step(name: str, *arguments: object) -> Step:
    """A function of libc, to be called with these arguments by `take`."""
    return getattr(_silent, name), arguments


def take(steps: Iterable[Step]) -> None:
    """Make calls one after the other. They give nothing or 0, raise, or are of libc.

    Raises:
        OSError: one failed.
    """
    for function, arguments in steps:
        if function(*arguments):
            # Made once more by the one that keeps why; what the kernel refused, it refuses again.
            call(function.__name__, *arguments)


def prctl(option: int, argument: int = 0) -> None:
    """prctl(2).

    Raises:
        OSError: the kernel refused.
    """
    call("prctl", *(ctypes.c_long(number) for number in (option, argument, 0, 0, 0)))


def die_with_parent() -> None:
    """Ask for SIGKILL when the parent dies. Changing the user forgets it, so ask again after that."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)


def close_from(fd: int) -> None:
    """Close every descriptor from `fd` up."""
    call("close_range", ctypes.c_uint(fd), ctypes.c_uint(_LAST_FD), 0)


def drop_bounding_capabilities() -> None:
    """See to it that no program started from here on gains a capability."""
    for number in range(_CAPABILITY_BITS):
        if _libc.prctl(*(ctypes.c_long(each) for each in (PR_CAPBSET_DROP, number, 0, 0, 0))) < 0:
            return


def raise_permitted_capabilities() -> None:
    """Make every capability that may be had effective, which a change of user had undone."""
    header, data = _CapabilityHeader(_CAPABILITIES_V3, 0), _CapabilityData()
    call("capget", ctypes.byref(header), data)
    data[0], data[3] = data[1], data[4]
    call("capset", ctypes.byref(header), data)


def keep_capabilities(numbers: Iterable[int]) -> None:
    """Give up every capability but these."""
    kept = sum(1 << number for number in numbers)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = _CapabilityData(low, low, 0, high, high, 0)
    call("capset", ctypes.byref(_CapabilityHeader(_CAPABILITIES_V3, 0)), data)


_NONE = (ctypes.byref(_CapabilityHeader(_CAPABILITIES_V3, 0)), _CapabilityData())


def give_up_capabilities() -> None:
    """Keep none."""
    take([giving_up_capabilities()])


def giving_up_capabilities() -> Step:
    """Keeps none."""
    return step("capset", *_NONE)


class Filter:
    """A seccomp program, laid out once so that installing it allocates nothing."""

    def __init__(self, program: bytes) -> None:
        head = struct.calcsize("@HP")
        # In one piece, so that the step keeps all of it.
        layout = ctypes.create_string_buffer(bytes(head) + program, head + len(program))
        struct.pack_into("@HP", layout, 0, len(program) // 8, ctypes.addressof(layout) + head)
        option, mode, nothing = map(ctypes.c_long, (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0))
        self.installing = step("prctl", option, mode, layout, nothing, nothing)
        """Puts it over this thread and all that it starts. Needs NO_NEW_PRIVS, and cannot be undone."""

    def install(self) -> None:
        """Put it over this thread and all that it starts.

        Raises:
            OSError: the kernel refused it.
        """
        take([self.installing])
