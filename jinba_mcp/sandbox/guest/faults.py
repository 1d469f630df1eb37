"""Turns whatever tool code raises into words for its author: class, message, and the tool's own lines.

The code that raised shares this process, so nothing of its error is trusted: not its class, not its text.
"""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypedDict

MAX_MESSAGE_CHARS = 4 * 1024
_MAX_FRAMES = 20
_MAX_LINE_CHARS = 200
_MAX_FAULTS = 5


class Fault(TypedDict):
    """Why a run failed, as it travels out of the sandbox."""

    name: str
    message: str
    traceback: str | None


class CodeFault(Exception):
    """Code that cannot be compiled, loaded or described; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def described(error: BaseException, *, filename: str, shown: str, lines: Sequence[str]) -> Fault:
    """The error as a run records it.

    `filename` is what the code was compiled under and `shown` what authors call that file; frames of any other file are
    left out, so that no path of the server is told.
    """
    name = name_of(error)
    message = message_of(error)
    frames = _frames(error.__traceback__, filename, shown, lines)
    if not frames:
        return Fault(name=name, message=message, traceback=None)
    text = "\n".join(["Traceback (most recent call last):", *frames, f"{name}: {message}" if message else name])
    return Fault(name=name, message=message, traceback=text)


def name_of(error: BaseException) -> str:
    """The name of the error's class, bounded and safe to store."""
    # Not `type(error).__name__`, which a metaclass may answer.
    return safe(type.__dict__["__name__"].__get__(type(error)))[:_MAX_LINE_CHARS]


def message_of(error: BaseException) -> str:
    """What the error says, bounded and safe to store."""
    try:
        return validation_message(error) if is_validation_error(error) else safe(str(error))
    except BaseException as failure:  # noqa: BLE001  the tool's own __str__ may raise anything, SystemExit too
        return f"(its message cannot be read: {name_of(failure)})"


def is_validation_error(error: BaseException) -> bool:
    """Whether pydantic, if it is here at all, refused a value."""
    refusal = getattr(sys.modules.get("pydantic_core"), "ValidationError", None)
    return isinstance(refusal, type) and issubclass(type(error), refusal)


def validation_message(error: Any) -> str:
    """Each field that does not fit and why, without the value, which may be large or secret."""
    # Neither input nor URL is asked for: their rendering can run code of the value.
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}" for fault in faults[:_MAX_FAULTS]]
    if len(faults) > _MAX_FAULTS:
        parts.append(f"and {len(faults) - _MAX_FAULTS} more")
    return safe("; ".join(parts))


def safe(text: str) -> str:
    """Text that every encoding and database takes, at most `MAX_MESSAGE_CHARS` long."""
    # By the methods of str itself, because a subclass may have its own; a slice by them is plain text again.
    short = str.__getitem__(text, slice(MAX_MESSAGE_CHARS + 1))
    if len(short) > MAX_MESSAGE_CHARS:
        short = short[: MAX_MESSAGE_CHARS - 1] + "…"
    return short.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def place(error: BaseException, filename: str) -> tuple[int | None, int | None]:
    """Line and column, from 1, of the innermost spot in `filename` that the error passed through."""
    innermost = None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == filename:
            innermost = traceback
        traceback = traceback.tb_next
    if innermost is None:
        return None, None
    # One position for each instruction, and an instruction is two bytes long.
    positions = list(innermost.tb_frame.f_code.co_positions())
    column = positions[innermost.tb_lasti // 2][2]
    return innermost.tb_lineno, None if column is None else column + 1


def _frames(traceback: TracebackType | None, filename: str, shown: str, lines: Sequence[str]) -> list[str]:
    rendered = []
    while traceback is not None:
        code, number = traceback.tb_frame.f_code, traceback.tb_lineno or 0
        if code.co_filename == filename:
            source = lines[number - 1].strip()[:_MAX_LINE_CHARS] if 0 < number <= len(lines) else ""
            frame = f'  File "{shown}", line {number}, in {code.co_qualname}'
            rendered.append(safe(frame + (f"\n    {source}" if source else "")))
        traceback = traceback.tb_next
    if len(rendered) > _MAX_FRAMES:
        half = _MAX_FRAMES // 2
        rendered[half:-half] = [f"  … {len(rendered) - _MAX_FRAMES} more frames …"]
    return rendered
