"""Keeps tools loaded in this process: each module runs once and serves the runs to come."""

import hashlib
import itertools
import threading
from collections import OrderedDict
from typing import TypeAlias

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.sandbox.engine import Program
from jinba_mcp.sandbox.guest.source import MODULE_PREFIX, Source
from jinba_mcp.sandbox.guest.tools import CodeFault, Tool, loaded

Key: TypeAlias = tuple[str, str, str, str, str]

_ADVICE = "Install the package that brings '{}' where the server runs"

_numbers = itertools.count(1)


class _Shelf:
    """Where one tool is loaded; held locked meanwhile, so that its module runs once however many calls wait."""

    def __init__(self, key: Key) -> None:
        self.lock = threading.Lock()
        self.tool: Tool | None = None
        # Not random: pydantic puts the module's name into schemas when two models share a name.
        digest = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()
        self._module = MODULE_PREFIX + digest[:32]
        self._is_forgotten = False

    def load(self, program: Program) -> Tool:
        # Numbered, because two versions of one tool have different lines under the same name.
        filename = f"{program.shown} #{next(_numbers)}"
        tool = loaded(Source(program.code, program.shown, filename, self._module, _ADVICE), program.entrypoint)
        self.tool = tool
        # Set first, looked at second; `forget` does the opposite, so one of the two sees the other.
        if self._is_forgotten:
            tool.source.forget()
        return tool

    def forget(self) -> None:
        self._is_forgotten = True
        if self.tool is not None:
            self.tool.source.forget()


class Library:
    """The tools that were used last, at most `capacity` of them. Safe to share between threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._shelves: OrderedDict[Key, _Shelf] = OrderedDict()

    def get(self, program: Program) -> Tool:
        """The tool, loaded now if it is not yet; then its module runs in this thread and may take its time.

        A failure is not kept: a package that was missing may be there the next time.

        Raises:
            ToolCodeInvalid: the code does not load; the message names the line, the details have `line` and `column`.
        """
        shelf = self._shelf(program)
        with shelf.lock:
            try:
                return shelf.tool or shelf.load(program)
            except CodeFault as fault:
                raise refused(fault) from fault

    def discard(self, digest: str) -> None:
        """Let go of the tools of one bundle; who has one already may go on with it."""
        with self._lock:
            for key in [key for key in self._shelves if key[0] == digest]:
                self._shelves.pop(key).forget()

    def clear(self) -> None:
        """Let go of every tool."""
        with self._lock:
            for shelf in self._shelves.values():
                shelf.forget()
            self._shelves.clear()

    def _shelf(self, program: Program) -> _Shelf:
        # The code is in the key because a draft has no digest that changes with it. Its hash is kept by the string.
        key = (program.bundle.digest, program.bundle.toolset, program.tool, program.entrypoint, program.code)
        with self._lock:
            shelf = self._shelves.get(key)
            if shelf is None:
                shelf = self._shelves[key] = _Shelf(key)
                if len(self._shelves) > self._capacity:
                    self._shelves.popitem(last=False)[1].forget()
            else:
                self._shelves.move_to_end(key)
        return shelf


def refused(fault: CodeFault) -> ToolCodeInvalid:
    """What a caller is told of code that cannot be loaded or described."""
    places = {"line": fault.line, "column": fault.column}
    return ToolCodeInvalid(fault.message, **{name: place for name, place in places.items() if place is not None})
