"""Masking: no secret that was handed to a run stays in what the run leaves behind."""

import json
from collections.abc import Callable, Sequence

from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.runs import RunError, RunLogs

MASK = "***"
CUT = "…"
"""What ends a text of which the rest was dropped, and begins the line that says so of a log."""
_MIN_PART_CHARS = 8
"""A line of a secret that has several is masked on its own from this length; a shorter one is likely to be a brace."""


def masker(secrets: Sequence[str]) -> Callable[[str], str]:
    """A function that writes `***` over every secret in a text, and over every longer line of one.

    The values are recognised as they are and as Python, JSON and Deno's console quote them; what a tool makes of one
    (base64, a hash, a space between letters) is not. What a text is cut off in is masked too, as far as it goes.
    """
    parts = {part.strip("\r") for secret in secrets for part in secret.split("\n")}
    lines = {part for part in parts if len(part) >= _MIN_PART_CHARS}
    quoted = {quote(secret)[1:-1] for secret in secrets for quote in (repr, json.dumps, _stringified, _inspected)}
    # The longest first, so that a secret that holds another is masked whole.
    found = sorted(filter(None, {*secrets, *lines, *quoted}), key=len, reverse=True)

    def mask(text: str) -> str:
        end = MASK + CUT if text.endswith(CUT) else ""
        if end and (start := _start_of_part(text[: -len(CUT)], found)) is not None:
            text = text[:start]
        else:
            end = ""
        for secret in found:
            text = text.replace(secret, MASK)
        return text + end

    return mask


def _start_of_part(text: str, secrets: Sequence[str]) -> int | None:
    """Where the beginning of a secret starts with which a text ends, or whatever secret reaches into it."""
    lengths = (_common(text, secret) for secret in secrets)
    start = len(text) - max(lengths, default=0)
    if start == len(text):
        return None
    while True:
        reaching = [at for each in secrets if 0 <= (at := text.find(each, max(0, start - len(each) + 1))) < start]
        if not reaching:
            return start
        start = min(reaching)


def _common(text: str, secret: str) -> int:
    """How much of the beginning of a secret a text ends with."""
    longest = min(len(text), len(secret))
    return next((length for length in range(longest, 0, -1) if text.endswith(secret[:length])), 0)


def _stringified(text: str) -> str:
    """As JSON.stringify writes it, which leaves letters of any script as they are."""
    return json.dumps(text, ensure_ascii=False)


def _inspected(text: str) -> str:
    """As Deno and Node show a text in an object: in quotes that are not in it, so that none is escaped."""
    return _stringified(text).replace('\\"', '"')


def masked_reporter(report: Reporter, mask: Callable[[str], str]) -> Reporter:
    """Reports the same progress without secrets in its messages."""

    def masked(done: float, total: float | None, message: str | None) -> None:
        report(done, total, None if message is None else mask(message))

    return masked


def masked_error(error: RunError, mask: Callable[[str], str]) -> RunError:
    """The error without secrets, its class name included: a tool may make classes as it likes."""
    traceback = None if error.traceback is None else mask(error.traceback)
    return RunError(name=mask(error.name), message=mask(error.message), traceback=traceback)


def masked_logs(logs: RunLogs, mask: Callable[[str], str]) -> RunLogs:
    """The logs without secrets. A secret of several lines is printed as several, so each stream is masked whole."""
    return RunLogs(stdout=_masked_lines(logs.stdout, mask), stderr=_masked_lines(logs.stderr, mask))


def _masked_lines(lines: tuple[str, ...], mask: Callable[[str], str]) -> tuple[str, ...]:
    if not lines:
        return lines
    if not lines[-1].startswith(CUT):
        return tuple(mask("\n".join(lines)).split("\n"))
    *kept, said = lines
    text = mask("\n".join(kept) + CUT).removesuffix(CUT)
    return (*text.split("\n"), said) if kept else lines
