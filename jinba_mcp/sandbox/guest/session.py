"""The conversation of a worker with the host once its walls stand: load the tool, say so, answer."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from . import channel, tools
from .source import MODULE_PREFIX, Source

_MAX_SENTENCE_CHARS = 1000
_BURST_REPORTS = 64
_REPORTS_PER_S = 20.0


class Terms(NamedTuple):
    """What is the same for all workers of an order, and no secret."""

    shown: str
    entrypoint: str
    log_bytes: int
    output_bytes: int
    cpu_s: int
    is_lazy: bool
    """Load the tool when it is called."""
    is_traced: bool
    """Tell what loading it has imported."""
    is_reused: bool
    """Answer until the host lets go, instead of once."""


class Line(Protocol):
    """A channel, as far as a session cares."""

    def read(self) -> tuple[int, bytes]: ...

    def write(self, kind: int, payload: bytes) -> None: ...


class Flushable(Protocol):
    """The streams of the run, as far as a session cares."""

    def open(self, max_bytes: int) -> None: ...

    def flush(self) -> None: ...


class Session:
    """One tool in one process. It is made before the fork, and so knows no code yet."""

    def __init__(self, run: Line, streams: Flushable, terms: Terms) -> None:
        self._run = run
        self._streams = streams
        self._terms = terms
        self._code = ""
        self._compiled: bytes | None = None
        self._tool: tools.Tool | None = None
        self._reports: float = _BURST_REPORTS
        self._reported_at = 0.0

    def serve(self, code: str, compiled: bytes | None) -> None:
        """Answer until the host lets go, or once if that is all that was asked for.

        `compiled` is what another worker has made of `code`, None if this one is to.

        Raises:
            EOFError, OSError: the host has let go.
        """
        run, streams, terms = self._run, self._streams, self._terms
        self._code, self._compiled = code, compiled
        fault = self._compile() if compiled is None else None
        reporter.send = self._report
        streams.open(terms.log_bytes)
        before = frozenset(sys.modules) if terms.is_traced else None
        if fault is None and not terms.is_lazy:
            fault = self._load()
            streams.flush()
        run.write(channel.READY, b"" if fault is None and before is None else _greeting(fault, before))
        while True:
            kind, payload = run.read()
            answer = self._answer(kind, payload)
            streams.flush()
            run.write(channel.RESULT, answer)
            if not terms.is_reused:
                return
            self._renew()

    def _renew(self) -> None:
        """The limits of the next run are its own."""
        self._streams.open(self._terms.log_bytes)
        # Whole seconds, rounded up.
        used_s = int(time.process_time()) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + self._terms.cpu_s, resource.RLIM_INFINITY))

    def _compile(self) -> dict[str, Any] | None:
        """Compile for the workers to come. No code of the tool has run yet, so the host may keep what we send."""
        try:
            self._compiled = tools.compiled(self._code, self._terms.shown)
        except tools.CodeFault as fault:
            return _described(fault)
        self._run.write(channel.COMPILED, self._compiled)
        return None

    def _load(self) -> dict[str, Any] | None:
        terms = self._terms
        source = Source(self._code, terms.shown, filename=terms.shown)
        try:
            self._tool = tools.loaded(source, terms.entrypoint, self._compiled)
        except tools.CodeFault as fault:
            return _described(fault)
        return None

    def _answer(self, kind: int, payload: bytes) -> bytes:
        fault = self._load() if self._tool is None else None
        if self._tool is None:
            return json.dumps({"fault": fault}).encode()
        if kind == channel.CALL:
            return self._tool.call(payload, self._terms.output_bytes)
        try:
            return json.dumps({"signature": self._tool.describe()}).encode()
        except tools.CodeFault as found:
            return json.dumps({"fault": _described(found)}).encode()

    def _report(self, done: float, total: float | None, message: str | None) -> None:
        """Send progress, unless there was too much of it just now."""
        now = time.monotonic()
        self._reports = min(_BURST_REPORTS, self._reports + (now - self._reported_at) * _REPORTS_PER_S)
        self._reported_at = now
        if self._reports < 1:
            return
        self._reports -= 1
        sentence = None if message is None else str(message)[:_MAX_SENTENCE_CHARS]
        try:
            self._run.write(channel.PROGRESS, json.dumps([done, total, sentence]).encode())
        except OSError:
            os._exit(0)


class Reporter:
    """Stands in the zygote already where tools report their progress to, and hands it to whichever session there is."""

    def __init__(self) -> None:
        self.send: Callable[[float, float | None, str | None], None] | None = None

    def __call__(self, done: float, total: float | None, message: str | None) -> None:
        if self.send is not None:
            self.send(done, total, message)


reporter = Reporter()


def _greeting(fault: dict[str, Any] | None, before: frozenset[str] | None) -> bytes:
    found = None if before is None else [name for name in sys.modules if not (name in before or _is_tool(name))]
    return json.dumps({"fault": fault, "modules": found}).encode()


def _is_tool(module: str) -> bool:
    return module.startswith(MODULE_PREFIX)


def _described(fault: tools.CodeFault) -> dict[str, Any]:
    return {"message": fault.message, "line": fault.line, "column": fault.column}
