"""What runs in the WebAssembly machine: all is imported when the component is built, and each run starts from there.

There is no file system at run time, so what was not imported then is not there. Nothing here is a wall: whatever the
tool makes of this program, the machine has no way out.
"""

import asyncio
import codecs
import functools
import gc
import importlib
import importlib.abc
import io
import json
import os
import pkgutil
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

from jinba_mcp.sandbox.guest import tools
from jinba_mcp.sandbox.guest.source import Source

_SYSTEM = """
_ctypes _multiprocessing _posixsubprocess _socket _sqlite3 _ssl ctypes fcntl ftplib http.client http.cookiejar
http.server imaplib mmap multiprocessing poplib pty resource select selectors smtplib socket socketserver
sqlite3 ssl subprocess termios tty urllib.request venv webbrowser xmlrpc
"""
_STANDARD = """
_strptime abc argparse array ast base64 binascii bisect calendar cmath cmd codecs collections.abc colorsys
concurrent.futures configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis
email.header email.message email.mime.application email.mime.audio email.mime.image email.mime.multipart
email.mime.text email.parser email.policy email.utils enum errno fnmatch fractions functools getopt gettext glob
graphlib gzip hashlib heapq hmac html.entities html.parser http.cookies importlib.metadata importlib.resources inspect
ipaddress itertools json.tool keyword linecache locale logging.config logging.handlers marshal mimetypes numbers
opcode operator pathlib pickle pickletools pkgutil platform plistlib pprint queue quopri random re reprlib sched
secrets shlex shutil signal stat statistics string.templatelib stringprep struct symtable tarfile tempfile textwrap
timeit token tokenize tomllib traceback tracemalloc types typing unicodedata urllib.error urllib.parse
urllib.robotparser uuid warnings wave weakref xml.dom.minidom xml.etree.ElementTree xml.sax.saxutils zipfile zlib
zoneinfo jinba_mcp.authoring
"""
SYSTEM_MODULES = frozenset(_SYSTEM.split())
"""What would need sockets, processes, native code or a terminal."""
_ADVICE = "The WebAssembly sandbox offers nothing but the standard library"
_MAX_SENTENCE_CHARS = 1000

Tell = Callable[[str], None]
Log = Callable[[int, str], None]


class _Loop(asyncio.BaseEventLoop):
    """An event loop with timers and callbacks only: there is nothing else that could happen here."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("This waits for something that nothing in the WebAssembly sandbox can bring about.")
        time.sleep(max(0.0, timeout))
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else could wake it."""


class _Gate(importlib.abc.MetaPathFinder):
    """Says of a module that is not there why."""

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if fullname in SYSTEM_MODULES or fullname.partition(".")[0] in SYSTEM_MODULES:
            why = "it has no sockets, processes, terminals or native code"
        elif fullname.partition(".")[0] in sys.stdlib_module_names:
            if fullname in sys.builtin_module_names:
                return
            why = "this part of the standard library was left out"
        else:
            # Worded as Python does, since programs go on without some modules.
            raise ModuleNotFoundError(f"No module named '{fullname}'", name=fullname)
        raise ModuleNotFoundError(f"There is no module '{fullname}' in the WebAssembly sandbox: {why}")


class _Log(io.RawIOBase):
    """A stream that takes no more than fits its log; what is over is dropped, and the tool goes on."""

    def __init__(self, write: Callable[[str], None], room: int) -> None:
        super().__init__()
        self._write = write
        self._room = room
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        kept = bytes(view[: self._room])
        if kept:
            self._room -= len(kept)
            self._write(self._decoder.decode(kept))
        return len(view)


def freeze() -> None:
    """When the component is built: import and warm up all that runs may need, and take away what must not be there."""
    for name in _STANDARD.split():
        importlib.import_module(name)
    _import_encodings()
    tools.preload()
    for name in list(sys.modules):
        if name in SYSTEM_MODULES or name.partition(".")[0] in SYSTEM_MODULES:
            del sys.modules[name]
    sys.meta_path.insert(0, _Gate())
    asyncio.new_event_loop = asyncio.events.new_event_loop = _Loop
    threading._start_joinable_thread = _no_threads  # type: ignore[attr-defined]  # noqa: SLF001  what Thread.start calls
    # Looking at them for garbage would touch them all, and what is touched is copied for each run.
    gc.collect()
    gc.freeze()


def run(order: str, arguments: str, tell: Tell, log: Log) -> str:
    """Load the tool of an order and call it with a JSON object, or describe it if there is none (an empty text).

    `order` is JSON of `code`, `shown`, `entrypoint`, `env`, `log_bytes` and `output_bytes`. Gives what a worker of
    any other tier answers; `tell` takes progress, as JSON; `log`, what is printed to stream 1 or 2.
    """
    told = json.loads(order)
    # The numbers drawn when the component was built are the same for every run.
    random.seed()
    os.environ.update(told["env"])
    streams = [_stream(functools.partial(log, number), told["log_bytes"] + 1) for number in (1, 2)]
    sys.stdout, sys.stderr = streams
    tools.reporting(_reporter(tell))
    source = Source(told["code"], told["shown"], filename=told["shown"], advice=_ADVICE)
    answer = _answer(source, told["entrypoint"], arguments, told["output_bytes"])
    for stream in streams:
        try:
            stream.flush()
        except (OSError, ValueError):
            # The tool closed it.
            continue
    return answer


def _answer(source: Source, entrypoint: str, arguments: str, output_bytes: int) -> str:
    try:
        tool = tools.loaded(source, entrypoint)
        if arguments:
            return tool.call(arguments.encode(), output_bytes).decode()
        return _encode({"signature": tool.describe()})
    except tools.CodeFault as fault:
        return _encode({"fault": {"message": fault.message, "line": fault.line, "column": fault.column}})


def _reporter(tell: Tell) -> tools.Send:
    def send(done: float, total: float | None, message: str | None) -> None:
        tell(_encode([done, total, None if message is None else str(message)[:_MAX_SENTENCE_CHARS]]))

    return send


def _stream(write: Callable[[str], None], room: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(_Log(write, room)), "utf-8", "backslashreplace", line_buffering=True)


def _import_encodings() -> None:
    encodings = importlib.import_module("encodings")
    for found in pkgutil.iter_modules(encodings.__path__, "encodings."):
        try:
            importlib.import_module(found.name)
        except ImportError:
            # Of another operating system, or of a codec in C that this Python was built without.
            continue


def _no_threads(*_arguments: object, **_options: object) -> NoReturn:
    raise RuntimeError("There are no threads in the WebAssembly sandbox. Do it one after the other, or with asyncio.")


# Taken now: a tool may replace what json offers.
_encode = json.JSONEncoder(separators=(",", ":")).encode
