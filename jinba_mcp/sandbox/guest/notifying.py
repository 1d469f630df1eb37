"""System calls that wait for the host's answer (seccomp_unotify(2)): the sandbox's side."""

import ctypes
import errno
import os
import struct

from . import kernel

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_WAIT_KILLABLE = 1 << 5
"""Once the host has taken a call, only death interrupts it: else a signal would have a connection made twice."""


def is_supported() -> bool:
    """Whether this machine's kernel can do it (since 5.19), asked without doing it."""
    try:
        _seccomp(None)
    except OSError as error:
        # What it refuses is that there is no filter; flags that it does not know, it refuses before.
        return error.errno == errno.EFAULT
    return False


def listen(program: bytes) -> int:
    """Put a filter over this thread and all that it starts; the descriptor on which its calls are to be answered.

    Needs NO_NEW_PRIVS, and cannot be undone.

    Raises:
        OSError: the kernel cannot do it, or something else answers calls of ours already.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    layout = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    return _seccomp(ctypes.create_string_buffer(layout, len(layout)))


def _seccomp(program: ctypes.Array[ctypes.c_char] | None) -> int:
    machine = os.uname().machine
    if machine not in _SECCOMP:
        raise OSError(f"seccomp has no number here for {machine}")
    words = (_SECCOMP[machine], _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE)
    return kernel.call("syscall", *map(ctypes.c_long, words), program)
