"""Which process is at the other end of a socket, as the kernel tells, and a hold on it that outlasts its number."""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import struct
from typing import Any

_CREDENTIALS = struct.Struct("iII")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_CREDENTIALS.size)
_MAX_ANCILLARY_BYTES = 256


def heard(line: socket.socket, max_bytes: int) -> tuple[bytes, int] | None:
    """What was said and by which process, 0 if that is unknown; None if nothing was said yet.

    Empty if nothing more will be said. The socket needs SO_PASSCRED.
    """
    try:
        data, ancillary, _flags, _address = line.recvmsg(max_bytes, _ANCILLARY_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b"", 0
    for _level, kind, raw in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            return data, _CREDENTIALS.unpack(raw[: _CREDENTIALS.size])[0]
    return data, 0


def held(pid: int, line: socket.socket) -> int:
    """A pidfd of the process that has just been heard on this line, or -1 if it is gone.

    Raises:
        OSError: there are no descriptors left. It has been killed, because later it could not be any more.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return -1
    except OSError:
        if not _has_hung_up(line):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
    # Had it ended before, the number could be another's by now; but then its end of the socket would be closed.
    if _has_hung_up(line):
        os.close(pidfd)
        return -1
    return pidfd


async def told(line: socket.socket, max_bytes: int) -> tuple[dict[str, Any], list[int], int]:
    """The next message, a JSON object, with the descriptors that came along and the process that sent it.

    The descriptors are the caller's to close. The socket keeps messages apart and needs SO_PASSCRED.

    Raises:
        ConnectionResetError: nothing more will be said.
        ValueError, RecursionError: it is no JSON.
    """
    await readable(line.fileno())
    raw, ancillary, _flags, _address = line.recvmsg(max_bytes, _MAX_ANCILLARY_BYTES)
    descriptors: list[int] = []
    pid = 0
    for _level, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            descriptors += struct.unpack(f"{len(data) // 4}i", data[: len(data) // 4 * 4])
        elif kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
    if not raw:
        raise ConnectionResetError("it has ended")
    try:
        message = json.loads(raw)
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return (message if isinstance(message, dict) else {}), descriptors, pid


async def readable(descriptor: int) -> None:
    """Until there is something to read; of a pidfd, until its process has ended."""
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(descriptor)


def _has_hung_up(line: socket.socket) -> bool:
    poll = select.poll()
    poll.register(line, select.POLLHUP)
    return bool(poll.poll(0))
