"""Finds all matches of a regular expression in linear time."""

import time
from typing import Any

# Google's RE2: no pattern backtracks, so none that a model writes can hang a thread.
import re2  # type: ignore[import-untyped]  # it has no stubs
from pydantic import BaseModel, ConfigDict, Field

_MAX_MEMORY_BYTES = 1024 * 1024
_MAX_STEPS = 100_000_000
_MAX_CPU_S = 1.0
_MAX_OUTPUT_CHARACTERS = 500_000


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=200_000, description="The text to search.", examples=["Order A-17 of 2026-03-01"])
    pattern: str = Field(
        min_length=1,
        max_length=1_000,
        description="RE2 pattern. No look-around and no backreferences.",
        examples=[r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"],
    )
    ignore_case: bool = Field(default=False, description="Match without regard to letter case.")
    multiline: bool = Field(default=False, description="Let ^ and $ match at each line, not only at the text's ends.")
    dot_matches_newline: bool = Field(default=False, description="Let . match line ends too.")
    max_matches: int = Field(default=100, ge=1, le=1_000, description="Stop after so many matches.")


class Match(BaseModel):
    text: str = Field(description="What matched.")
    start: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")
    line: int = Field(description="Line on which it starts, from 1.")
    groups: list[str | None] = Field(description="The capture groups in order; null for one that took no part.")
    named_groups: dict[str, str | None] = Field(description="The named groups by name.")


class Output(BaseModel):
    matches: list[Match] = Field(description="The matches from left to right; they do not overlap.")
    count: int = Field(description="How many matches are listed.")
    more: bool = Field(description="Whether there are more matches than were listed.")


def run(input: Input) -> Output:
    pattern = _compiled(input)
    deadline = time.thread_time() + _MAX_CPU_S
    matches: list[Match] = []
    line, counted, spent = 1, 0, 0
    for found in pattern.finditer(input.text):
        if len(matches) == input.max_matches:
            return Output(matches=matches, count=len(matches), more=True)
        line += input.text.count("\n", counted, found.start())
        counted = found.start()
        match = Match(
            text=found.group(),
            start=found.start(),
            end=found.end(),
            line=line,
            groups=list(found.groups()),
            named_groups=found.groupdict(),
        )
        spent += sum(len(part or "") for part in (match.text, *match.groups, *match.named_groups.values()))
        _check(spent, deadline)
        matches.append(match)
    return Output(matches=matches, count=len(matches), more=False)


def _compiled(wanted: Input) -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEMORY_BYTES
    options.log_errors = False
    options.case_sensitive = not wanted.ignore_case
    options.dot_nl = wanted.dot_matches_newline
    source = f"(?m){wanted.pattern}" if wanted.multiline else wanted.pattern
    try:
        pattern = re2.compile(source, options=options)
    except re2.error as error:
        raise ValueError(f"Not a usable RE2 pattern: {_reason(error)}. {_hint(wanted.pattern)}") from None
    # One match may look at every instruction of the program for every byte of the text.
    if pattern.programsize * len(wanted.text) > _MAX_STEPS:
        raise ValueError(
            "The pattern is too large for so long a text. Use smaller repeat counts such as {1,20}, or a shorter text."
        )
    return pattern


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _hint(pattern: str) -> str:
    if any(sign in pattern for sign in ("(?=", "(?!", "(?<=", "(?<!")):
        return "RE2 has no look-around: match the surroundings too and capture the part you want with ( )."
    if r"\Z" in pattern:
        return r"The end of the text is \z in RE2."
    return "Check the brackets; backreferences such as \\1 do not exist in RE2."


def _check(spent: int, deadline: float) -> None:
    if spent > _MAX_OUTPUT_CHARACTERS:
        raise ValueError(f"The matches are longer than {_MAX_OUTPUT_CHARACTERS} characters. Match less at a time.")
    if time.thread_time() > deadline:
        raise ValueError("The search took too long. Use a simpler pattern, a shorter text or a smaller max_matches.")
