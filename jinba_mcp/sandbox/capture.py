"""Keeps what a tool prints away from the server's own streams, which may carry a protocol, and hands it to its run.

`sys.stdout` and `sys.stderr` are replaced once for the process by routers that look at a context variable. What is
printed inside a run goes to that run; what the thread that installed the routers prints goes where it always went; any
other thread (one that a tool started, whose run cannot be known) ends on standard error.
"""

import codecs
import io
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO, cast

from jinba_mcp.domain.runs import RunLogs

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NOTHING = RunLogs()
MAX_LINES = 262_144
"""Of each stream: so many fit into the log that tools have by default, be they empty. Each costs more than its text."""


def lines_of(text: str, max_bytes: int, *, was_cut: bool) -> tuple[str, ...]:
    """A log line by line, at most `MAX_LINES`, with what was dropped marked; `was_cut` says that its end was already.

    NUL, which no database takes as text, is written out.
    """
    *lines, rest = text.replace("\r\n", "\n").replace("\0", "\\x00").split("\n", MAX_LINES)
    if rest and len(lines) == MAX_LINES:
        lines.append(f"… (cut at {MAX_LINES} lines)")
    else:
        lines += [rest] if rest else []
        lines += [f"… (cut at {max_bytes} bytes)"] if was_cut else []
    return tuple(lines)


class Stream(io.TextIOBase):
    """What one run printed to one stream, at most `max_bytes` of UTF-8; the rest is dropped and marked."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._room = max_bytes
        self._was_cut = False
        self._parts: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._was_cut:
            # Cut before encoding: one print of 50 MB must not cost another 50 MB.
            raw = text[: self._room + 1].encode(errors="backslashreplace")
            if len(raw) > self._room:
                raw, self._was_cut = raw[: self._room], True
            self._room -= len(raw)
            self._parts.append(raw.decode(errors="ignore"))
        return len(text)

    def write_bytes(self, raw: "ReadableBuffer") -> int:
        view = memoryview(raw)
        self.write(self._decoder.decode(view[: self._max_bytes + 1]))
        return view.nbytes

    def lines(self) -> tuple[str, ...]:
        """What was printed so far, line by line."""
        return lines_of("".join(self._parts), self._max_bytes, was_cut=self._was_cut)


class Output:
    """Both streams of one run, each made when something is printed to it: few tools do."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """`stdout` or `stderr`. Threads that ask at the same time get the same."""
        return self._streams.get(name) or self._streams.setdefault(name, Stream(self._max_bytes))

    def logs(self) -> RunLogs:
        if not self._streams:
            return _NOTHING
        return RunLogs(stdout=self._lines("stdout"), stderr=self._lines("stderr"))

    def _lines(self, name: str) -> tuple[str, ...]:
        stream = self._streams.get(name)
        return () if stream is None else stream.lines()


output: ContextVar[Output | None] = ContextVar("run_output", default=None)
"""The run that this context prints for."""


class _Bytes(io.RawIOBase):
    """The `buffer` of a router: the same ways, for bytes."""

    def __init__(self, router: "Router") -> None:
        super().__init__()
        self._router = router

    def writable(self) -> bool:
        return True

    def write(self, raw: "ReadableBuffer", /) -> int:
        target = self._router.target()
        if isinstance(target, Stream):
            return target.write_bytes(raw)
        binary = getattr(target, "buffer", None)
        if binary is not None:
            return cast("int", binary.write(raw))
        return target.write(bytes(raw).decode(errors="replace"))

    def fileno(self) -> int:
        return self._router.fileno()

    def flush(self) -> None:
        self._router.flush()

    def close(self) -> None:
        """A tool that closes its output must not close the server's."""


class Router(io.TextIOBase):
    """Stands in for `sys.stdout` or `sys.stderr`."""

    def __init__(self, name: str, real: TextIO, stray: TextIO) -> None:
        super().__init__()
        self._name = name
        self._real = real
        self._stray = stray
        self._home = threading.get_ident()
        self._bytes = _Bytes(self)

    def target(self) -> TextIO | Stream:
        run = output.get()
        if run is not None:
            return run.stream(self._name)
        return self._real if threading.get_ident() == self._home else self._stray

    def write(self, text: str, /) -> int:
        return self.target().write(text)

    def flush(self) -> None:
        self.target().flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return output.get() is None and self._real.isatty()

    def fileno(self) -> int:
        if output.get() is not None:
            raise io.UnsupportedOperation("a tool's output has no file descriptor")
        return self._real.fileno()

    def close(self) -> None:
        """A tool that closes its output must not close the server's."""

    def reconfigure(self, **options: Any) -> None:
        """Of interest to the real stream only; a run's is UTF-8 and unbuffered."""
        if output.get() is None and isinstance(self._real, io.TextIOWrapper):
            self._real.reconfigure(**options)

    @property
    def buffer(self) -> _Bytes:
        return self._bytes

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # writable in the stubs, fixed in every text stream
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # as above
        return "backslashreplace"


class _Installation:
    """The routers of this process, shared by every engine in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._replaced: list[tuple[str, Router, TextIO | None]] = []

    def install(self) -> None:
        with self._lock:
            self._count += 1
            if self._count > 1:
                return
            stderr = sys.stderr or io.StringIO()
            for name in ("stdout", "stderr"):
                real: TextIO | None = getattr(sys, name)
                router = Router(name, real or stderr, stderr)
                self._replaced.append((name, router, real))
                setattr(sys, name, router)

    def uninstall(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count:
                return
            for name, router, real in self._replaced:
                # Somebody may have replaced the stream after us; it is theirs to restore then.
                if getattr(sys, name) is router:
                    setattr(sys, name, real)
            self._replaced.clear()


_installation = _Installation()


def install() -> None:
    """Put the routers in place of `sys.stdout` and `sys.stderr`; each call needs one `uninstall`."""
    _installation.install()


def uninstall() -> None:
    """Take back one `install`; the last one restores the streams."""
    _installation.uninstall()
