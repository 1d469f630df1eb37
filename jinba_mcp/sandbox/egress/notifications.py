"""System calls that wait for our answer: the listener's side of seccomp user notification (seccomp_unotify(2))."""

import errno
import fcntl
import os
import select
import struct
from dataclasses import dataclass
from pathlib import Path

from jinba_mcp.sandbox.egress import identity

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_PLACING = struct.Struct("=QIIII")
_ID = struct.Struct("=Q")

_READ_WRITE, _WRITE = 3, 1


def _request(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("!") << 8 | number


_RECEIVE = _request(_READ_WRITE, 0, _NOTIFICATION.size)
_SEND = _request(_READ_WRITE, 1, _ANSWER.size)
_IS_VALID = _request(_WRITE, 2, _ID.size)
_PLACE = _request(_WRITE, 3, _PLACING.size)
_AT_NUMBER = 1

_CONNECT = {(0xC000_003E, 42), (0xC000_00B7, 203)}
"""Architecture and number of `connect`: x86-64 and AArch64."""

MAX_ADDRESS_BYTES = 128


class Listener:
    """The descriptor on which a sandbox's calls are announced, until somebody takes it over."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def detach(self) -> int:
        """The descriptor, which is the caller's from now on."""
        descriptor, self._descriptor = self._descriptor, -1
        return descriptor

    def close(self) -> None:
        """Nobody will answer: calls fail with ENOSYS. Repeatable."""
        if self._descriptor >= 0:
            os.close(self.detach())


class Gone(Exception):
    """Whoever waited waits no more: killed, or interrupted by a signal and about to ask again."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A system call that waits. `thread` is its caller as this process numbers it, 0 for one that it cannot see."""

    listener: int
    id: int
    thread: int
    architecture: int
    number: int
    arguments: tuple[int, ...]

    @property
    def is_connect(self) -> bool:
        return (self.architecture, self.number) in _CONNECT

    @property
    def descriptor(self) -> int:
        """The first argument of `connect`, as the kernel reads it."""
        return self.arguments[0] & 0xFFFF_FFFF

    def address(self) -> bytes:
        """The address that `connect` was called with, copied once: what the caller writes there later is not seen.

        Raises:
            OSError: it cannot be read.
            Gone: the memory that was read may be another's.
        """
        length = self.arguments[2] & 0xFFFF_FFFF
        if length > MAX_ADDRESS_BYTES:
            raise OSError(errno.EINVAL, "the address is too long")
        with identity.of_process(self.thread):
            memory = os.open(f"/proc/{self.thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            raw = os.pread(memory, length, self.arguments[1])
        except (OverflowError, OSError):
            raise OSError(errno.EFAULT, "the address is nowhere") from None
        finally:
            os.close(memory)
        self._ioctl(_IS_VALID, _ID.pack(self.id))
        return raw

    def flags(self) -> int:
        """The open flags of the caller's descriptor, `O_CLOEXEC` among them.

        Raises:
            OSError: it has none of that number.
        """
        with identity.of_process(self.thread):
            told = Path(f"/proc/{self.thread}/fdinfo/{self.descriptor}").read_text(encoding="ascii")
        return int(told.partition("flags:")[2].split()[0], 8)

    def place(self, descriptor: int, flags: int) -> None:
        """Put a descriptor of ours in place of the caller's.

        Raises:
            Gone, OSError: it cannot be put there.
        """
        kept = flags & os.O_CLOEXEC
        self._ioctl(_PLACE, _PLACING.pack(self.id, _AT_NUMBER, descriptor, self.descriptor, kept))

    def answer(self, error: int = 0) -> None:
        """Let the call return: well, or with an error number.

        Raises:
            Gone: nobody waits for it.
        """
        self._ioctl(_SEND, _ANSWER.pack(self.id, 0, -error, 0))

    def _ioctl(self, request: int, raw: bytes) -> None:
        try:
            fcntl.ioctl(self.listener, request, raw)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINPROGRESS}:
                raise Gone from None
            raise


def receive(listener: int) -> Notification | None:
    """The next notification of a listener that is readable, or None if it was taken back.

    Raises:
        EOFError: no process is left that could send one.
    """
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    events = poll.poll(0)
    # Asking would block where there is nothing, on older kernels even when all processes have ended.
    if not events:
        return None
    if not events[0][1] & select.POLLIN:
        raise EOFError
    raw = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, raw)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EINTR}:
            return None
        raise
    id_, thread, _, number, architecture, _, *arguments = _NOTIFICATION.unpack(raw)
    return Notification(listener, id_, thread, architecture, number, tuple(arguments))
