"""The frames that host and worker exchange over a run's own socket: one byte of kind, four of length, the payload."""

import os
import struct
from _thread import allocate_lock

HEADER = struct.Struct("<BI")

SETUP = ord("s")
"""Host to worker, first: env, code, and the code as another worker compiled it, if one has. Marshalled for Python."""
CALL = ord("c")
"""Host to worker: the arguments, as JSON."""
DESCRIBE = ord("d")
"""Host to worker: send the schemas."""
HELLO = ord("h")
"""Worker to host, before any code of the tool: carries the credentials by which the host knows the process."""
COMPILED = ord("b")
"""Worker to host, right after HELLO if SETUP had no compiled code, and still before any code of the tool."""
READY = ord("r")
"""Worker to host: what loading came to; empty when all is well."""
PROGRESS = ord("p")
"""Worker to host, any number of times: JSON list of done, total, message."""
RESULT = ord("o")
"""Worker to host, once for each CALL or DESCRIBE."""

_READ_BYTES = 65_536


def framed(kind: int, payload: bytes) -> bytes:
    """One frame, ready to be sent."""
    return HEADER.pack(kind, len(payload)) + payload


class Channel:
    """The worker's end. Reading is for one thread; writing is safe from any."""

    __slots__ = ("_buffer", "_fd", "_lock")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = b""
        self._lock = allocate_lock()

    def read(self) -> tuple[int, bytes]:
        """The next frame, waiting for it as long as it takes.

        Raises:
            EOFError: the host has let go.
        """
        buffer = self._buffer
        while len(buffer) < HEADER.size:
            buffer += self._received()
        kind, length = HEADER.unpack_from(buffer)
        end = HEADER.size + length
        if len(buffer) < end:
            parts = [buffer]
            missing = end - len(buffer)
            while missing > 0:
                parts.append(self._received())
                missing -= len(parts[-1])
            buffer = b"".join(parts)
        self._buffer = buffer[end:]
        return kind, buffer[HEADER.size : end]

    def write(self, kind: int, payload: bytes) -> None:
        """Send one frame whole.

        Raises:
            OSError: the host has let go.
        """
        frame = framed(kind, payload)
        with self._lock:
            sent = os.write(self._fd, frame)
            while sent < len(frame):
                sent += os.write(self._fd, memoryview(frame)[sent:])

    def _received(self) -> bytes:
        received = os.read(self._fd, _READ_BYTES)
        if not received:
            raise EOFError
        return received
