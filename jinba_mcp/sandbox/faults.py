"""Turns whatever tool code raises into words for its author: class, message, and the tool's own lines."""

from collections.abc import Sequence
from types import TracebackType

from pydantic import ValidationError

from jinba_mcp.domain.runs import RunError

MAX_MESSAGE_CHARS = 4 * 1024
_MAX_FRAMES = 20
_MAX_LINE_CHARS = 200
_MAX_FAULTS = 5


def described(error: BaseException, *, filename: str, shown: str, lines: Sequence[str]) -> RunError:
    """The error as a run records it.

    `filename` is what the code was compiled under and `shown` what authors call that file; frames of any other file are
    left out, so that no path of the server is told.
    """
    name = type(error).__name__
    message = message_of(error)
    frames = _frames(error.__traceback__, filename, shown, lines)
    if not frames:
        return RunError(name=name, message=message)
    text = "\n".join(["Traceback (most recent call last):", *frames, f"{name}: {message}" if message else name])
    return RunError(name=name, message=message, traceback=text)


def message_of(error: BaseException) -> str:
    """What the error says, bounded and safe to store."""
    if isinstance(error, ValidationError):
        return validation_message(error)
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001  the tool's own __str__ may raise anything
        text = f"(its message cannot be read: {type(failure).__name__})"
    return safe(text)


def validation_message(error: ValidationError) -> str:
    """Each field that does not fit and why, without the value, which may be large or secret."""
    # Neither input nor URL is asked for: their rendering can run code of the value.
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}" for fault in faults[:_MAX_FAULTS]]
    if len(faults) > _MAX_FAULTS:
        parts.append(f"and {len(faults) - _MAX_FAULTS} more")
    return safe("; ".join(parts))


def safe(text: str) -> str:
    """Text that every encoding and database takes, at most `MAX_MESSAGE_CHARS` long."""
    if len(text) > MAX_MESSAGE_CHARS:
        text = text[: MAX_MESSAGE_CHARS - 1] + "…"
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def last_line(error: BaseException, filename: str) -> int | None:
    """The innermost line of `filename` that the error passed through."""
    own = _own(error.__traceback__, filename)
    return own[-1][0] if own else None


def _own(traceback: TracebackType | None, filename: str) -> list[tuple[int, str]]:
    own = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == filename:
            own.append((traceback.tb_lineno or 0, code.co_qualname))
        traceback = traceback.tb_next
    return own


def _frames(traceback: TracebackType | None, filename: str, shown: str, lines: Sequence[str]) -> list[str]:
    rendered = []
    for number, function in _own(traceback, filename):
        source = lines[number - 1].strip()[:_MAX_LINE_CHARS] if 0 < number <= len(lines) else ""
        rendered.append(f'  File "{shown}", line {number}, in {function}' + (f"\n    {source}" if source else ""))
    if len(rendered) > _MAX_FRAMES:
        half = _MAX_FRAMES // 2
        rendered[half:-half] = [f"  … {len(rendered) - _MAX_FRAMES} more frames …"]
    return [safe(frame) for frame in rendered]
