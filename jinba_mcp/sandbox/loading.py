"""Compiles tool code once, runs its module once, and keeps it for the runs to come."""

import hashlib
import itertools
import linecache
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.runs import RunError
from jinba_mcp.sandbox import describe, faults
from jinba_mcp.sandbox.engine import Program

Key: TypeAlias = tuple[str, str, str, str, str]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class LoadedTool:
    """A tool's module after it ran, and its entrypoint."""

    entrypoint: describe.Entrypoint
    source: "Source"


class Source:
    """One tool's code under a file name that no other code in this process has."""

    def __init__(self, program: Program) -> None:
        self.code = program.code
        self.shown = f"{program.toolset}/{program.tool}/main.py"
        self.lines = program.code.splitlines()
        # Numbered, because two versions of one tool have different lines under the same name.
        self.filename = f"<{self.shown} #{next(_numbers)}>"

    def register(self) -> None:
        """Let every traceback of this process show the tool's lines."""
        lines = self.code.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self.code), None, lines, self.filename)

    def forget(self) -> None:
        linecache.cache.pop(self.filename, None)

    def described(self, error: BaseException) -> RunError:
        """An error of this code as a run records it."""
        return faults.described(error, filename=self.filename, shown=self.shown, lines=self.lines)


class _Shelf:
    """Where one tool is loaded; held locked meanwhile, so that its module runs once however many calls wait."""

    def __init__(self, key: Key) -> None:
        self.lock = threading.Lock()
        self.tool: LoadedTool | None = None
        # Not random: pydantic puts the module's name into schemas when two models share a name.
        digest = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()
        self.module_name = describe.MODULE_PREFIX + digest[:32]

    def forget(self) -> None:
        if self.tool is not None:
            self.tool.source.forget()
        sys.modules.pop(self.module_name, None)


class Library:
    """The tools that were used last, at most `capacity` of them. Safe to share between threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._shelves: OrderedDict[Key, _Shelf] = OrderedDict()

    def get(self, program: Program) -> LoadedTool:
        """The tool, loaded now if it is not yet; then its module runs in this thread and may take its time.

        A failure is not kept: a package that was missing may be there the next time.

        Raises:
            ToolCodeInvalid: the code does not load; the message names the line.
        """
        shelf = self._shelf(program)
        with shelf.lock:
            if shelf.tool is None:
                shelf.tool = _load(program, shelf.module_name)
            return shelf.tool

    def clear(self) -> None:
        with self._lock:
            for shelf in self._shelves.values():
                shelf.forget()
            self._shelves.clear()

    def _shelf(self, program: Program) -> _Shelf:
        # The code is in the key because a draft has no digest that changes with it. Its hash is kept by the string.
        key = (program.digest, program.toolset, program.tool, program.entrypoint, program.code)
        with self._lock:
            shelf = self._shelves.get(key)
            if shelf is None:
                shelf = self._shelves[key] = _Shelf(key)
                if len(self._shelves) > self._capacity:
                    self._shelves.popitem(last=False)[1].forget()
            else:
                self._shelves.move_to_end(key)
        return shelf


def _load(program: Program, module_name: str) -> LoadedTool:
    source = Source(program)
    module = ModuleType(module_name)
    module.__file__ = source.filename
    # In sys.modules, because pydantic and dataclasses look there for the names in annotations that are strings.
    sys.modules[module_name] = module
    source.register()
    try:
        # dont_inherit: the tool's own __future__ imports hold, not this file's.
        exec(compile(source.code, source.filename, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  our purpose
        return LoadedTool(describe.entrypoint(module.__dict__, program.entrypoint), source)
    except BaseException as error:
        source.forget()
        sys.modules.pop(module_name, None)
        if isinstance(error, ToolCodeInvalid):
            raise
        raise _load_fault(error, source) from error


def _load_fault(error: BaseException, source: Source) -> ToolCodeInvalid:
    if isinstance(error, SyntaxError) and error.filename == source.filename:
        line, fault = error.lineno, f"{type(error).__name__}: {faults.safe(error.msg)}"
    else:
        line, fault = faults.last_line(error, source.filename), f"{type(error).__name__}: {faults.message_of(error)}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        fault = f"{fault}. Install the package that brings '{package}' where the server runs"
    place = source.shown if line is None else f"{source.shown} line {line}"
    return ToolCodeInvalid(f"{place}: {fault}.")
