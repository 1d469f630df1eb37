"""A tool's code has its own lines in every traceback, and says where it does not load."""

import linecache
import sys
import traceback
from types import ModuleType

import pytest

from jinba_mcp.sandbox.guest.faults import CodeFault
from jinba_mcp.sandbox.guest.source import Source


def source(code: str) -> Source:
    return Source(code, "a/b/main.py", "a/b/main.py #7", module="jinba_tool_7")


def raised(made: Source) -> BaseException:
    with pytest.raises(ValueError, match=r"^no$") as caught:
        exec(made.compiled(), {})  # noqa: S102  as the sandbox does it
    return caught.value


def test_a_registered_source_is_shown_in_tracebacks_until_it_is_forgotten() -> None:
    made = source("x = 1\nraise ValueError('no')  # here\n")
    error = raised(made)
    made.register()
    sys.modules[made.module] = ModuleType(made.module)

    shown = "".join(traceback.format_exception(error))
    made.forget()

    assert "raise ValueError('no')  # here" in shown
    assert made.filename not in linecache.cache
    assert made.module not in sys.modules


def test_lines_are_those_that_python_counts() -> None:
    made = source("a = '\x0b\u2028'\r\nb = 1\rraise ValueError('no')")

    assert made.lines() == ["a = '\x0b\u2028'\n", "b = 1\n", "raise ValueError('no')"]
    assert made.fault(raised(made)).line == 3


@pytest.mark.parametrize(
    ("code", "message", "line", "column"),
    [
        ("\n  raise ValueError('no')", "a/b/main.py line 2, column 2: IndentationError: unexpected indent.", 2, 2),
        ("x = 1 + (2\n", "a/b/main.py line 1, column 9: SyntaxError: '(' was never closed.", 1, 9),
        ("\nx = 3 + int('a')", "a/b/main.py line 2, column 9: ValueError: invalid literal for int()", 2, 9),
        ("import nowhere_to_be.found", "Add the package that brings 'nowhere_to_be' to the packages of", 1, 1),
        ("exec('(')", "a/b/main.py line 1, column 1: SyntaxError: ", 1, 1),
    ],
)
def test_a_fault_says_where_and_why(code: str, message: str, line: int, column: int) -> None:
    made = source(code)
    with pytest.raises((SyntaxError, ValueError, ImportError)) as caught:
        exec(made.compiled(), {})  # noqa: S102  as the sandbox does it

    fault = made.fault(caught.value)

    assert message in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_what_is_a_fault_already_stays_itself() -> None:
    fault = CodeFault("no", 1, 2)

    assert source("").fault(fault) is fault


def test_an_error_that_hides_itself_is_still_a_fault() -> None:
    class Hidden(SyntaxError):
        @property
        def filename(self) -> str:  # type: ignore[override]  # as hostile as it gets
            raise KeyError

    fault = source("").fault(Hidden())

    assert fault.message == "a/b/main.py: the code ended with an error that cannot be read."
