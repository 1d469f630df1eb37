"""What commands print: tables for people, one JSON document for scripts, one sentence for what went wrong."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import TracebackType

import typer

CONTEXT = {"help_option_names": ["-h", "--help"]}
"""Settings of every command."""

_WIDE = 10_000
"""Columns: a table is never folded by us, so that ids stay whole; a narrow terminal folds it."""


class Failed(Exception):
    """The operation failed; the message says why and what to do. Exit code 1."""


class Misused(typer.TyperException):
    """The command or a setting is wrong; the message says how. Exit code 2."""

    exit_code = 2


def document(value: object) -> None:
    """Print the one JSON document of a `--json` answer."""
    line(json.dumps(value, indent=2, ensure_ascii=not _shows_all()))


def record(value: object) -> None:
    """Print one of many JSON documents, each on a line of its own."""
    line(json.dumps(value, separators=(",", ":"), ensure_ascii=not _shows_all()))


def _shows_all() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def line(text: str = "") -> None:
    """Print for people, or for whatever reads standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def heading(text: str) -> None:
    """Print what introduces the lines that follow."""
    line(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else f"\n{text}")


def note(text: str) -> None:
    """Say something beside the answer, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def confirms(question: str) -> bool:
    """Ask whoever sits at the terminal; anything but a yes is a no."""
    # Asked by hand, because typer writes part of its prompt to standard output.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def problem(text: str) -> None:
    """Say what went wrong, on standard error."""
    note(f"Error: {printable(text)}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a head; a row is never cut or folded."""
    from rich.console import Console  # noqa: PLC0415  costs more than all of --help
    from rich.table import Table  # noqa: PLC0415  as above
    from rich.text import Text  # noqa: PLC0415  as above

    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(column, no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(cell(value)) for value in row))
    if shown.row_count == 0:
        note("There are none.")
        return
    Console(file=sys.stdout, width=_WIDE, highlight=False).print(shown)


def fields(values: Mapping[str, object]) -> None:
    """Print one thing, a field to a line; empty ones are left out."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        if value not in (None, "", ()):
            line(f"{name:<{width}}   {cell(value)}")


def cell(value: object) -> str:
    """A value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(cell(item) for item in value) or "-"
    return printable(str(value)).replace("\n", " ")


def printable(text: str) -> str:
    """The text without control characters, by which data could steer a terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def shortened(text: str, length: int = 60) -> str:
    """The first line of a text, cut to `length` characters."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= length else first[: length - 1] + "…"


def misuse(error: typer.TyperException) -> int:
    """Say what is wrong with the command; the exit code for it."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is not None and message == context.get_help():
        note(message)
        return error.exit_code
    problem(message)
    if context is not None:
        note(f"Try '{context.command_path} --help'.")
    return error.exit_code


def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The hook for what nobody caught, which is our fault: a sentence, and the traceback for whoever debugs."""
    if os.environ.get("JINBA_LOG_LEVEL", "").lower() == "debug":
        sys.__excepthook__(kind, error, trace)
    problem(f"Something went wrong on our side ({kind.__name__}). Set JINBA_LOG_LEVEL=debug to see where.")
