"""One tool's code and the names that it has in this process."""

import io
import sys
from types import CodeType
from typing import NamedTuple

from . import faults
from .faults import CodeFault

MODULE_PREFIX = "jinba_tool_"
"""Of every tool's module, followed by hexadecimal digits; schemas leave the whole name out."""


class Source(NamedTuple):
    """One tool's code. `filename` is what it is compiled under; `shown`, what its author calls the file."""

    code: str
    shown: str
    filename: str
    module: str = MODULE_PREFIX + "0"
    advice: str = "Add the package that brings '{}' to the packages of the ToolSet"
    """What to do when a module is missing."""

    def text(self) -> str:
        return self.code

    def get_source(self, _module: str) -> str:
        """As linecache asks the loader of a module."""
        return self.code

    def lines(self) -> list[str]:
        """The code by lines, as tracebacks count them."""
        # The line ends of Python's own reader; str.splitlines knows more of them.
        return io.StringIO(self.code, newline=None).readlines()

    def register(self) -> None:
        """Let every traceback of this process show the tool's lines."""
        # Not before somebody reads lines: hardly any run does, and linecache makes every fork dearer.
        linecache = sys.modules.get("linecache")
        if linecache is not None:
            linecache.cache[self.filename] = (self.text,)

    def forget(self) -> None:
        """Undo `register`, and let go of the module."""
        linecache = sys.modules.get("linecache")
        if linecache is not None:
            linecache.cache.pop(self.filename, None)
        sys.modules.pop(self.module, None)

    def compiled(self) -> CodeType:
        # dont_inherit: the tool's own __future__ imports hold, not this file's.
        return compile(self.code, self.filename, "exec", dont_inherit=True)

    def fault(self, error: BaseException) -> CodeFault:
        """Why this code does not load."""
        if issubclass(type(error), CodeFault):
            return error  # type: ignore[return-value]  # what the line above says
        try:
            return self._fault(error)
        except BaseException:  # noqa: BLE001  the error is of the tool's making, and so is what it says
            return CodeFault(f"{self.shown}: the code ended with an error that cannot be read.")

    def _fault(self, error: BaseException) -> CodeFault:
        name, message = faults.name_of(error), faults.message_of(error)
        if isinstance(error, SyntaxError) and error.filename == self.filename:
            line, column, message = error.lineno, error.offset, faults.safe(error.msg)
        else:
            line, column = faults.place(error, self.filename)
        if isinstance(error, ModuleNotFoundError) and error.name:
            message += ". " + self.advice.format(error.name.partition(".")[0])
        place = self.shown if line is None else f"{self.shown} line {line}"
        if column is not None:
            place += f", column {column}"
        return CodeFault(f"{place}: {name}: {message}.", line, column)
